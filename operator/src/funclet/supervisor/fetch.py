"""Fetching and unpacking the function's code; blocks, and so runs in a forked child."""

from __future__ import annotations

import os
import time

from funclet.supervisor.digest import sha256
from funclet.supervisor.http_client import Exchange, HttpError
from funclet.supervisor.seal import seal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from funclet.supervisor.pod_settings import CodeSource

#: what an archive may hold itself, in bytes; what it may unpack to has rules of its own
ARCHIVE_LIMIT = 262_144_000
#: seconds between tries, and for each step of one
_PAUSES = (0.1, 0.4, 1.5)
_STEP = 15.0
#: bytes of a refusal that are told
_SENTENCE = 500


class FetchError(Exception):
    """The code did not come, or not as it must be; trying again may help."""


class CodeError(Exception):
    """The code came, and cannot be used; `error_type` is Lambda's word for it."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


def fetch(source: CodeSource) -> bytes:
    """Bring the code into its folder. Returns its seal. Raises CodeError, after some tries."""
    # Opened and unlinked at once: whatever is checked is what is unpacked, and nothing of it is left.
    path = os.path.join(source.folder, f".funclet-{os.getpid()}")  # noqa: PTH118 - pathlib costs milliseconds of a cold start
    try:
        _empty(source.folder)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.unlink(path)  # noqa: PTH108 - as above
        with open(descriptor, "w+b", 0) as archive:  # noqa: PTH123 - as above
            _download(source, archive)
            _unpack(source, archive)
        return seal(source.folder)
    except OSError as error:
        raise CodeError("CodeUnavailable", f"{source.folder}: {os.strerror(error.errno or 0)}") from None


def _download(source: CodeSource, archive: BinaryIO) -> None:
    for pause in (*_PAUSES, None):
        try:
            return _try(source, archive)
        except FetchError as error:
            if pause is None:
                message = f"The function's code could not be fetched: {error}"
                raise CodeError("CodeUnavailable", message) from None
        time.sleep(pause)
    return None


def _try(source: CodeSource, archive: BinaryIO) -> None:
    headers = {"authorization": f"Bearer {source.capability}"}
    try:
        exchange = Exchange(source.url, "GET", headers, b"", _STEP)
    except OSError as error:
        raise FetchError(str(error)) from None
    try:
        # While the gateway looks for the code, the modules that unpack it are loaded.
        from funclet.supervisor import unpack  # noqa: F401, PLC0415 - as just said

        archive.seek(0)
        archive.truncate()
        _receive(source, exchange, archive)
    except HttpError as error:
        raise FetchError(str(error)) from None
    finally:
        exchange.close()


def _receive(source: CodeSource, exchange: Exchange, archive: BinaryIO) -> None:
    try:
        status, length = exchange.status(), exchange.length
    except OSError as error:
        raise FetchError(str(error)) from None
    if status != 200:  # noqa: PLR2004 - OK; a redirect leads nowhere
        # A gateway says in a sentence why it has no such code.
        told = _piece(exchange)[:_SENTENCE].decode(errors="replace").strip() if length else ""
        raise FetchError(told if told.isprintable() and told else f"the gateway answered {status}")
    if length is None or length > ARCHIVE_LIMIT:
        raise FetchError(f"the archive must tell its length, at most {ARCHIVE_LIMIT} bytes")
    seen = sha256()
    while length > 0:
        piece = _piece(exchange)[:length]
        length -= len(piece)
        seen.update(piece)
        archive.write(piece)
    if seen.hexdigest() != source.sha256:
        raise FetchError("what came is not the code: its SHA-256 is another")


def _piece(exchange: Exchange) -> bytes:
    try:
        piece = exchange.piece()
    except OSError as error:
        raise FetchError(str(error)) from None
    if not piece:
        raise FetchError("the archive broke off")
    return piece


def _unpack(source: CodeSource, archive: BinaryIO) -> None:
    from funclet.supervisor.unpack import UnpackError, unpack_into  # noqa: PLC0415 - loaded by then

    try:
        unpack_into(archive, source.folder)
    except UnpackError as error:
        raise CodeError("InvalidZipFileException", str(error)) from None


def _empty(folder: str) -> None:
    """Remove what an earlier life of this container left there; links are removed, not followed."""
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - as above
    # A volume is somebody else's, and anybody may write it.
    if os.stat(folder).st_uid == os.getuid():  # noqa: PTH116 - as above
        os.chmod(folder, 0o700)  # noqa: PTH101 - as above
    for path, folders, files, descriptor in os.fwalk(folder, topdown=False):
        if path != folder:
            os.fchmod(descriptor, 0o700)
        for name in files:
            os.unlink(name, dir_fd=descriptor)
        for name in folders:
            _remove_folder(name, descriptor)


def _remove_folder(name: str, descriptor: int) -> None:
    try:
        os.rmdir(name, dir_fd=descriptor)
    except NotADirectoryError:
        os.unlink(name, dir_fd=descriptor)
