"""Unpacking a code archive that nobody vouches for.

Every rule is checked on the central directory first, and sizes once more while inflating, so that an archive
that lies is stopped before it fills a disk. Nested archives are files like any other.

A pod unpacks while a caller waits, so what is imported here counts: no dataclasses, no typing.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from itertools import pairwise
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

_CHUNK = 1 << 16
_LOCAL_HEADER = 30
_NAME_MAX = 255
_PATH_MAX = 1024
_ENCRYPTED = 0x1
_FOLDER, _PROGRAM, _FILE = 0o755, 0o755, 0o644
#: which bits of these stay
_OPEN, _SEALED = 0o777, 0o555


class UnpackError(Exception):
    """The archive is refused; the message says which rule it breaks, and where."""


class Limits:
    """How much an archive may hold. `ratio` counts only past `ratio_floor` bytes: small files compress well."""

    __slots__ = ("entries", "ratio", "ratio_floor", "total_bytes")

    def __init__(
        self,
        total_bytes: int = 262_144_000,
        entries: int = 20_000,
        ratio: int = 100,
        ratio_floor: int = 10 << 20,
    ) -> None:
        self.total_bytes = total_bytes
        self.entries = entries
        self.ratio = ratio
        self.ratio_floor = ratio_floor

    def bytes_for(self, archive_size: int) -> int:
        """What an archive of this size may unpack to."""
        return min(self.total_bytes, max(self.ratio_floor, self.ratio * archive_size))


def unpack(archive: Path, target: Path, limits: Limits | None = None) -> None:
    """Unpack into `target`, which must not exist. Files become 0644, or 0755 where executable.

    Raises UnpackError; what was written by then is left in `target` for the caller to remove.
    """
    with archive.open("rb") as source:
        _unpack(source, target, limits or Limits(), sealed=False)


def unpack_into(archive: BinaryIO, folder: str, limits: Limits | None = None) -> None:
    """Unpack into a folder that exists and is empty, as its user may only read it. Raises as `unpack`.

    Whoever owns the files can undo that; it keeps a function from changing its own code by mistake.
    """
    _unpack(archive, Path(folder), limits or Limits(), sealed=True)
    for path, _, _ in os.walk(folder, topdown=False):
        if path != folder:
            os.chmod(path, _FOLDER & _SEALED)  # noqa: PTH101  # walk gives strings


def _unpack(archive: BinaryIO, target: Path, limits: Limits, *, sealed: bool) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            _check(entries, limits)
            target.mkdir(mode=_FOLDER, exist_ok=sealed)
            budget = limits.bytes_for(os.fstat(archive.fileno()).st_size)
            for entry in entries:
                budget = _write(opened, entry, target, budget, _SEALED if sealed else _OPEN)
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        LookupError,
        NotImplementedError,
        RuntimeError,
        ValueError,
    ) as error:
        message = "Could not unzip uploaded file. Please check your file, then try to upload again."
        raise UnpackError(f"{message} ({error})") from error


def _check(entries: list[zipfile.ZipInfo], limits: Limits) -> None:
    if len(entries) > limits.entries:
        raise UnpackError(f"The archive has {len(entries)} entries; at most {limits.entries} are allowed.")
    seen: dict[str, bool] = {}
    for entry in entries:
        _check_name(entry)
        _check_kind(entry)
        _check_unique(entry, seen)
    _check_overlap(entries)
    if sum(entry.file_size for entry in entries) >= limits.total_bytes:
        raise UnpackError(f"Unzipped size must be smaller than {limits.total_bytes} bytes")


def _check_name(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename  # `filename` is cut at a NUL
    parts = name.removesuffix("/").split("/")
    if (
        not name
        or "\\" in name
        or any(ord(c) < 0x20 or 0xD800 <= ord(c) <= 0xDFFF for c in name)  # noqa: PLR2004  # controls, surrogates
        or (name[1:2] == ":" and name[0].isascii() and name[0].isalpha())  # a drive
        or any(part in {"", ".", ".."} or len(os.fsencode(part)) > _NAME_MAX for part in parts)
        or len(name) > _PATH_MAX
    ):
        raise UnpackError(f"The archive's entry {name[:80]!r} has a name that is not allowed.")


def _check_kind(entry: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR} or (kind == stat.S_IFDIR) > entry.is_dir():
        raise UnpackError(f"The archive's entry {entry.filename[:80]!r} is neither a file nor a folder.")
    if entry.flag_bits & _ENCRYPTED:
        raise UnpackError(f"The archive's entry {entry.filename[:80]!r} is encrypted.")


def _check_unique(entry: zipfile.ZipInfo, seen: dict[str, bool]) -> None:
    """`seen` maps each case-folded path to whether it is a folder; a parent is a folder by being one."""
    path = entry.filename.removesuffix("/").casefold()
    if path in seen and not (entry.is_dir() and seen[path]):
        raise UnpackError(f"The archive has the entry {entry.filename[:80]!r} twice (letter case aside).")
    parent = path.rpartition("/")[0]
    while parent:
        if not seen.setdefault(parent, True):
            raise UnpackError(f"The archive's entry {parent[:80]!r} is both a file and a folder.")
        parent = parent.rpartition("/")[0]
    seen[path] = entry.is_dir()


def _check_overlap(entries: list[zipfile.ZipInfo]) -> None:
    if any(entry.header_offset < 0 for entry in entries):
        raise zipfile.BadZipFile("an entry lies before the archive")
    for first, second in pairwise(sorted(entries, key=lambda entry: entry.header_offset)):
        if first.header_offset + _LOCAL_HEADER + first.compress_size > second.header_offset:
            raise UnpackError(
                f"The archive's entries {first.filename[:80]!r} and {second.filename[:80]!r} overlap."
            )


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, budget: int, mask: int) -> int:
    """Write one entry; returns what is left of the budget in bytes."""
    path = target / entry.filename
    if entry.is_dir():
        path.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
        return budget
    path.parent.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
    mode = (_PROGRAM if (entry.external_attr >> 16) & 0o111 else _FILE) & mask
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with open(descriptor, "wb") as out, opened.open(entry) as source:  # noqa: PTH123  # a descriptor, not a path
        os.fchmod(descriptor, mode)  # whatever the umask
        while chunk := source.read(_CHUNK):
            budget -= len(chunk)
            if budget < 0:
                raise UnpackError("The archive unpacks to more than is allowed for its size.")
            out.write(chunk)
    return budget
