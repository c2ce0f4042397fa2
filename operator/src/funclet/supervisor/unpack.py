"""Unpacking a code archive that nobody vouches for.

Every rule is checked on the central directory first, and sizes once more while inflating, so that an archive
that lies is stopped before it fills a disk. Nested archives are files like any other.
"""

import os
import re
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

_CHUNK = 1 << 16
_LOCAL_HEADER = 30
_DRIVE = re.compile(r"^[A-Za-z]:")
_NAME_MAX = 255
_PATH_MAX = 1024
_ENCRYPTED = 0x1


class UnpackError(Exception):
    """The archive is refused; the message says which rule it breaks, and where."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an archive may hold. `ratio` counts only past `ratio_floor` bytes: small files compress well."""

    total_bytes: int = 262_144_000
    entries: int = 20_000
    ratio: int = 100
    ratio_floor: int = 10 << 20

    def bytes_for(self, archive_size: int) -> int:
        """What an archive of this size may unpack to."""
        return min(self.total_bytes, max(self.ratio_floor, self.ratio * archive_size))


def unpack(archive: Path, target: Path, limits: Limits | None = None) -> None:
    """Unpack into `target`, which must not exist. Files become 0644, or 0755 where executable.

    Raises UnpackError; what was written by then is left in `target` for the caller to remove.
    """
    limits = limits or Limits()
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            _check(entries, limits)
            target.mkdir(mode=0o755)
            budget = limits.bytes_for(archive.stat().st_size)
            for entry in entries:
                budget = _write(opened, entry, target, budget)
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
        or _DRIVE.match(name)
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


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, budget: int) -> int:
    """Write one entry; returns what is left of the budget in bytes."""
    path = target / entry.filename
    if entry.is_dir():
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
        return budget
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    mode = 0o755 if (entry.external_attr >> 16) & 0o111 else 0o644
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with open(descriptor, "wb") as out, opened.open(entry) as source:  # noqa: PTH123  # a descriptor, not a path
        os.fchmod(descriptor, mode)  # whatever the umask
        while chunk := source.read(_CHUNK):
            budget -= len(chunk)
            if budget < 0:
                raise UnpackError("The archive unpacks to more than is allowed for its size.")
            out.write(chunk)
    return budget
