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
from pathlib import Path

from funclet.supervisor.zip_records import Directory, check_local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

_CHUNK = 1 << 16
_LOCAL_HEADER = 30
#: bytes of names and the like, before anything of an archive is parsed: 400 for each of 20,000 entries
_DIRECTORY_MOST = 8 << 20
#: how deep a file may lie, in folders, and what each of these takes of a disk
_DEPTH_MOST = 32
_FOLDER_BYTES = 4096
_NAME_MAX = 255
_PATH_MAX = 1024
_ENCRYPTED = 0x1
_FOLDER, _PROGRAM, _FILE = 0o755, 0o755, 0o644
_TOO_MUCH = "The archive unpacks to more than is allowed for its size."
_NO_ARCHIVE = "Could not unzip uploaded file. Please check your file, then try to upload again."
#: what zipfile raises for what is no archive
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    LookupError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
)
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

    Whoever owns the files can undo that; it keeps a function from changing its own code by mistake. The folder
    itself may be somebody else's, as a volume is.
    """
    _unpack(archive, Path(folder), limits or Limits(), sealed=True)
    for path, _, _ in os.walk(folder, topdown=False):
        try:
            os.chmod(path, _FOLDER & _SEALED)  # noqa: PTH101  # walk gives strings
        except PermissionError:
            if path != folder:
                raise


def check(archive: BinaryIO, limits: Limits | None = None) -> None:
    """Refuse an archive by what its directory tells, without unpacking it. Raises UnpackError."""
    try:
        entries, budget, opened = _open(archive, limits or Limits())
        opened.close()
    except _BROKEN as error:
        raise UnpackError(f"{_NO_ARCHIVE} ({error})") from error
    _spend(budget, sum(entry.file_size for entry in entries))


def _unpack(archive: BinaryIO, target: Path, limits: Limits, *, sealed: bool) -> None:
    try:
        entries, budget, opened = _open(archive, limits)
        with opened:
            target.mkdir(mode=_FOLDER, exist_ok=sealed)
            for entry in entries:
                budget = _write(opened, entry, target, budget, _SEALED if sealed else _OPEN)
    except _BROKEN as error:
        raise UnpackError(f"{_NO_ARCHIVE} ({error})") from error


def _open(archive: BinaryIO, limits: Limits) -> tuple[list[zipfile.ZipInfo], int, zipfile.ZipFile]:
    """Open an archive whose directory keeps the rules; the number is the bytes that its files may have in all."""
    end = _measure(archive, limits)
    opened = zipfile.ZipFile(archive)
    entries = opened.infolist()
    budget = _spend(limits.bytes_for(archive.seek(0, os.SEEK_END)), _check(entries, limits))
    _check_places(archive, entries, end)
    return entries, budget, opened


def _measure(archive: BinaryIO, limits: Limits) -> int:
    """Check the directory by its size; returns where it starts, which is where the data ends."""
    directory = Directory(archive)
    if directory.entries > limits.entries:
        raise UnpackError(
            f"The archive has {directory.entries} entries; at most {limits.entries} are allowed."
        )
    if directory.size > _DIRECTORY_MOST:
        raise UnpackError(
            f"The archive's directory has {directory.size} bytes; at most {_DIRECTORY_MOST} are allowed."
        )
    directory.check(archive)
    return directory.start


def _check(entries: list[zipfile.ZipInfo], limits: Limits) -> int:
    """Check what the directory says; returns the bytes that folders take, those that only names imply included."""
    seen: dict[str, bool] = {}
    for entry in entries:
        _check_name(entry)
        _check_kind(entry)
        _check_unique(entry, seen)
        if len(seen) > limits.entries:
            raise UnpackError(f"The archive makes more than {limits.entries} files and folders.")
    folders = _FOLDER_BYTES * sum(seen.values())
    if folders + sum(entry.file_size for entry in entries) >= limits.total_bytes:
        raise UnpackError(f"Unzipped size must be smaller than {limits.total_bytes} bytes")
    return folders


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
        or len(parts) > _DEPTH_MOST + 1
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


def _check_places(archive: BinaryIO, entries: list[zipfile.ZipInfo], end: int) -> None:
    """See that the data lie within the archive, one behind the other, and are what both headers say."""
    if any(not 0 <= entry.header_offset < end for entry in entries):
        raise zipfile.BadZipFile("an entry lies outside the archive")
    ordered = sorted(entries, key=lambda entry: entry.header_offset)
    nexts = [*(entry.header_offset for entry in ordered[1:]), end]
    for entry, following in zip(ordered, nexts, strict=False):
        if entry.header_offset + _LOCAL_HEADER + entry.compress_size > following:
            raise UnpackError(f"The archive's entry {entry.filename[:80]!r} and what follows it overlap.")
        check_local(archive, entry, following)


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
            budget = _spend(budget, len(chunk))
            out.write(chunk)
    return budget


def _spend(budget: int, size: int) -> int:
    """Return what is left of the budget, in bytes."""
    if size > budget:
        raise UnpackError(_TOO_MUCH)
    return budget - size
