"""Archives whose records do not tell the truth (bad inputs 44 and 45)."""

import io
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from funclet.supervisor.unpack import UnpackError, unpack

DATA = b"print('hello')\n" * 40
SENTENCE = "Could not unzip uploaded file"
_IN_64 = 0xFFFF_FFFF


@dataclass(frozen=True)
class Told:
    """What the records say; what is None is the truth."""

    offset: int | None = None
    compressed: int | None = None
    size: int | None = None
    crc: int | None = None
    method: int | None = None
    entries: int | None = None
    directory: int | None = None
    locator: int | None = None


def zip64(told: Told, data: bytes = DATA, name: bytes = b"app.py") -> bytes:
    """An archive of one entry with all of zip64's records."""
    packed = zlib.compress(data)[2:-4]
    crc = zlib.crc32(data)
    local = (
        struct.pack("<4s5H3I2H", b"PK\3\4", 45, 0, 8, 0, 0, crc, len(packed), len(data), len(name), 0)
        + name
        + packed
    )
    sizes = struct.pack(
        "<2H3Q", 1, 24, _or(told.size, len(data)), _or(told.compressed, len(packed)), _or(told.offset, 0)
    )
    central = struct.pack(
        "<4s6H3I5H2I", b"PK\1\2", 45, 45, 0, _or(told.method, 8), 0, 0, _or(told.crc, crc), _IN_64, _IN_64, len(name),
        len(sizes), 0, 0, 0, (stat.S_IFREG | 0o644) << 16, _IN_64,
    ) + name + sizes  # fmt: skip
    entries, length = _or(told.entries, 1), _or(told.directory, len(central))
    start = len(local)
    end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, entries, entries, length, start)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, _or(told.locator, start + len(central)), 1)
    return (
        local
        + central
        + end
        + locator
        + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, _IN_64, _IN_64, 0)
    )


def _or(told: int | None, truth: int) -> int:
    return truth if told is None else told


def unpacked(tmp_path: Path, content: bytes) -> Path:
    (tmp_path / "code.zip").write_bytes(content)
    unpack(tmp_path / "code.zip", tmp_path / "out")
    return tmp_path / "out"


def test_zip64s_records_are_read(tmp_path: Path) -> None:
    assert (unpacked(tmp_path, zip64(Told())) / "app.py").read_bytes() == DATA


class Pipe(io.RawIOBase):
    """A file that can only be written to, so that sizes come behind the data."""

    def __init__(self) -> None:
        self.content = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.content += bytes(data)
        return len(data)


def streamed() -> bytes:
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("app.py", DATA)
    return pipe.content


def written(comment: bytes = b"", *, force_zip64: bool = False) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        with opened.open("app.py", "w", force_zip64=force_zip64) as entry:
            entry.write(DATA)
        opened.comment = comment
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(streamed(), id="sizes behind the data"),
        pytest.param(written(force_zip64=True), id="sizes in zip64's field"),
        pytest.param(written(b"a comment" * 1000), id="a comment"),
        pytest.param(b"#!/bin/sh\nexit\n" + written(), id="a program before it"),
    ],
)
def test_what_is_true_in_another_way_is_taken(tmp_path: Path, content: bytes) -> None:
    assert (unpacked(tmp_path, content) / "app.py").read_bytes() == DATA


@pytest.mark.parametrize("offset", [1, 600, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
def test_a_place_that_is_none_is_refused(tmp_path: Path, offset: int) -> None:
    with pytest.raises(UnpackError, match=SENTENCE):
        unpacked(tmp_path, zip64(Told(offset=offset)))


@pytest.mark.parametrize(
    "told",
    [
        Told(compressed=0),
        Told(compressed=5),
        Told(size=len(DATA) + 1),
        Told(size=len(DATA) - 1),
        Told(crc=0),
        Told(method=0),
        Told(entries=0),
        Told(entries=2),
        Told(directory=0),
        Told(directory=10),
        Told(directory=1 << 40),
        Told(locator=0),
        Told(locator=1 << 63),
    ],
)
def test_what_is_not_so_is_refused(tmp_path: Path, told: Told) -> None:
    with pytest.raises(UnpackError, match=SENTENCE):
        unpacked(tmp_path, zip64(told))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("compressed", [2000, 1 << 40, (1 << 64) - 1])
def test_data_that_would_go_past_the_end_are_refused(tmp_path: Path, compressed: int) -> None:
    with pytest.raises(UnpackError, match="overlap"):
        unpacked(tmp_path, zip64(Told(compressed=compressed)))


def test_a_size_past_what_is_allowed_is_refused_in_the_words_of_aws(tmp_path: Path) -> None:
    with pytest.raises(UnpackError, match="Unzipped size must be smaller"):
        unpacked(tmp_path, zip64(Told(size=1 << 60)))


@pytest.mark.parametrize("entries", [20_001, 1_000_000, (1 << 64) - 1])
def test_a_number_of_entries_is_refused_before_they_are_read(tmp_path: Path, entries: int) -> None:
    with pytest.raises(UnpackError, match=f"has {entries} entries; at most 20000"):
        unpacked(tmp_path, zip64(Told(entries=entries)))


def test_a_directory_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "code.zip"
    with zipfile.ZipFile(path, "w") as opened:
        for number in range(129):
            entry = zipfile.ZipInfo(str(number))
            entry.comment = bytes(0xFFFF)
            opened.writestr(entry, b"")
    with pytest.raises(UnpackError, match=r"directory has \d+ bytes; at most 8388608 are allowed"):
        unpack(path, tmp_path / "out")
