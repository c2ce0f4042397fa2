"""What an archive says of itself, read before anything is parsed that takes memory for each entry.

The records are those of PKWARE's APPNOTE, section 4.3. They are found where the standard library's zipfile finds
them, so that what is checked here is what it reads. What is here raises BadZipFile for what cannot be so.
"""

from __future__ import annotations

import os
import struct
from zipfile import BadZipFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO
    from zipfile import ZipInfo

_LOCAL, _CENTRAL, _END, _END_64, _LOCATOR = (
    b"PK" + mark for mark in (b"\3\4", b"\1\2", b"\5\6", b"\6\6", b"\6\7")
)
_LOCAL_SIZE, CENTRAL_SIZE, _END_SIZE, _END_64_SIZE, _LOCATOR_SIZE = 30, 46, 22, 56, 20
_COMMENT_MOST = 0xFFFF
#: the sizes come behind the data
_DESCRIBED_LATER = 0x8
#: the size is in an extra field
_ELSEWHERE = 0xFFFF_FFFF


class Directory:
    """The central directory: from `start` on, `size` bytes, said to be `entries`."""

    __slots__ = ("entries", "size", "start")
    entries: int
    size: int

    def __init__(self, archive: BinaryIO) -> None:
        """Read the records at the end of the archive, and nothing else."""
        place, tail = _end(archive)
        self.entries, self.size = struct.unpack_from("<HL", tail, 10)
        before = os.pread(archive.fileno(), _LOCATOR_SIZE, max(place - _LOCATOR_SIZE, 0))
        if place >= _LOCATOR_SIZE and before.startswith(_LOCATOR):
            place -= _LOCATOR_SIZE + _END_64_SIZE
            self.entries, self.size = _zip64(archive, before, place)
        self.start = place - self.size
        if self.start < 0:
            raise BadZipFile("the directory is larger than the archive")

    def check(self, archive: BinaryIO) -> None:
        """Compare what it says with what it holds. Takes memory for all of it: look at `size` first."""
        records = os.pread(archive.fileno(), self.size, self.start)
        at = found = 0
        while at < self.size and found <= self.entries:
            if not records.startswith(_CENTRAL, at) or at + CENTRAL_SIZE > self.size:
                raise BadZipFile("the directory is damaged")
            at += CENTRAL_SIZE + sum(struct.unpack_from("<3H", records, at + 28))
            found += 1
        if at != self.size or found != self.entries:
            raise BadZipFile("the directory has another number of entries than it says")


def _end(archive: BinaryIO) -> tuple[int, bytes]:
    """Where the last record is, and what it and all behind it says."""
    size = os.fstat(archive.fileno()).st_size
    start = max(size - _END_SIZE - _COMMENT_MOST - 1, 0)
    tail = os.pread(archive.fileno(), size - start, start)
    # Without a comment it has its place; else whatever looks like it last is it.
    last = tail[-_END_SIZE:]
    plain = last.startswith(_END) and last.endswith(b"\0\0")
    at = len(tail) - _END_SIZE if plain else tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_SIZE:
        raise BadZipFile("File is not a zip file")
    return start + at, tail[at:]


def _zip64(archive: BinaryIO, locator: bytes, place: int) -> tuple[int, int]:
    """The entries and the size that the record at `place` tells, where the locator must say that it is."""
    record = os.pread(archive.fileno(), _END_64_SIZE, max(place, 0))
    [told] = struct.unpack_from("<Q", locator, 8)
    if told != place or not record.startswith(_END_64):
        raise BadZipFile("the directory is not where it should be")
    entries, size = struct.unpack_from("<2Q", record, 32)
    return entries, size


def check_local(archive: BinaryIO, entry: ZipInfo, end: int) -> None:
    """See that the header before an entry's data tells the same as the directory, and that the data ends by `end`."""
    header = os.pread(archive.fileno(), _LOCAL_SIZE, entry.header_offset)
    if len(header) != _LOCAL_SIZE or not header.startswith(_LOCAL):
        raise BadZipFile(f"there is no header of {entry.filename[:80]!r}")
    flags, method, crc, compressed, size, name, extra = struct.unpack_from("<HH4x3L2H", header, 6)
    alike = method == entry.compress_type and (
        flags & _DESCRIBED_LATER
        or (
            crc == entry.CRC
            and compressed in {entry.compress_size, _ELSEWHERE}
            and size in {entry.file_size, _ELSEWHERE}
        )
    )
    if not alike or entry.header_offset + _LOCAL_SIZE + name + extra + entry.compress_size > end:
        raise BadZipFile(f"the header of {entry.filename[:80]!r} does not fit the directory")
