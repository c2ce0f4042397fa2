"""Archives made to fill a disk or a memory, in their real sizes (bad inputs 43, 44 and 50).

Each is unpacked in a process of its own, whose memory at its highest is what counts.
"""

from __future__ import annotations

import io
import json
import stat
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import funclet

if TYPE_CHECKING:
    from collections.abc import Iterable

pytestmark = [
    pytest.mark.processes,
    # Twenty thousand files take their time on a disk that is shared.
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells a process's memory at its highest"),
]

#: The highest since the program began: `getrusage` counts what its parent was before that.
UNPACK = """
import json, re, sys
from pathlib import Path
sys.path.append(sys.argv[1])
from funclet.supervisor.unpack import UnpackError, unpack
said = ""
try:
    unpack(Path(sys.argv[2]), Path(sys.argv[3]))
except UnpackError as error:
    said = str(error)
highest = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(json.dumps([said, int(highest) * 1024]))
"""
#: bytes: an interpreter with all of its modules takes a third of it
MEMORY = 64 << 20
TOTAL = 262_144_000
GIGABYTE = 1 << 30
_BLOCK = 16 << 20


def unpacked(archive: Path) -> str:
    """Unpack beside the archive, in little memory and on little disk. Returns why not, which may be nothing."""
    arguments = [str(Path(funclet.__file__).parents[1]), str(archive), str(archive.parent / "out")]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", UNPACK, *arguments], check=True, capture_output=True, text=True
    )
    said, highest = json.loads(done.stdout)
    assert highest < MEMORY
    assert on_disk(archive.parent / "out") <= TOTAL
    return str(said)


def on_disk(folder: Path) -> int:
    """The bytes that a folder takes, folders included."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*"))


def zeros(size: int) -> bytes:
    """A deflated stream of zeros: one block, compressed once, stands in it as often as is needed."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    compressor.compress(bytes(1 << 16))
    compressor.flush(zlib.Z_FULL_FLUSH)
    block = compressor.compress(bytes(_BLOCK)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return block * (size // _BLOCK) + compressor.flush()


def local(name: bytes, packed: bytes, size: int) -> bytes:
    told = struct.pack("<2H2Q", 1, 16, size, len(packed))
    head = struct.pack("<4s5H3I2H", b"PK\3\4", 45, 0, 8, 0, 0, 0, *[0xFFFF_FFFF] * 2, len(name), len(told))
    return head + name + told + packed


def central(name: bytes, compressed: int, size: int, offset: int) -> bytes:
    told = struct.pack("<2H2Q", 1, 16, size, compressed)
    mode = (stat.S_IFREG | 0o644) << 16
    return (
        struct.pack("<4s6H3I5H2I", b"PK\1\2", 45, 45, 0, 8, 0, 0, 0, *[0xFFFF_FFFF] * 2, len(name), len(told), 0, 0, 0,
                    mode, offset) + name + told
    )  # fmt: skip


def end(entries: int, directory: int, start: int) -> bytes:
    """Both of the last records, of which only that of zip64 can count past 65,535."""
    place = start + directory
    return (
        struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, entries, entries, directory, start)
        + struct.pack("<4sLQL", b"PK\6\7", 0, place, 1)
        + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFF_FFFF, 0xFFFF_FFFF, 0)
    )


def write(path: Path, body: bytes, records: Iterable[bytes], entries: int) -> Path:
    directory = b"".join(records)
    path.write_bytes(body + directory + end(entries, len(directory), len(body)))
    return path


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (10 * GIGABYTE, "Unzipped size must be smaller than 262144000 bytes"),
        # Less than it is: what comes out is cut there, and its checksum is another.
        (TOTAL - 1, "Could not unzip uploaded file"),
        (1000, "Could not unzip uploaded file"),
    ],
)
def test_ten_gigabytes_of_zeros_in_ten_megabytes(tmp_path: Path, told: int, said: str) -> None:
    packed = zeros(10 * GIGABYTE)
    assert len(packed) < 11 << 20
    records = [central(b"zeros", len(packed), told, 0)]
    assert said in unpacked(write(tmp_path / "code.zip", local(b"zeros", packed, told), records, 1))


def test_zeros_in_a_small_archive_are_stopped_by_their_ratio(tmp_path: Path) -> None:
    packed = zeros(TOTAL - _BLOCK)
    records = [central(b"zeros", len(packed), TOTAL - _BLOCK, 0)]
    said = unpacked(write(tmp_path / "code.zip", local(b"zeros", packed, TOTAL - _BLOCK), records, 1))
    assert said == "The archive unpacks to more than is allowed for its size."
    assert on_disk(tmp_path / "out") < TOTAL // 2


def test_archives_in_archives_as_in_42_zip(tmp_path: Path) -> None:
    packed = zeros(4 * GIGABYTE)
    content = local(b"0", packed, 4 * GIGABYTE)
    directory = central(b"0", len(packed), 4 * GIGABYTE, 0)
    content += directory + end(1, len(directory), len(content))
    for _ in range(5):
        content = zipped({f"{number}.zip": content for number in range(16)})
    (tmp_path / "code.zip").write_bytes(content)
    assert unpacked(tmp_path / "code.zip") == ""
    assert len(list((tmp_path / "out").iterdir())) == 16


def test_archives_in_archives_a_hundred_deep(tmp_path: Path) -> None:
    content = b"x"
    for _ in range(100):
        content = zipped({"inner.zip": content})
    (tmp_path / "code.zip").write_bytes(content)
    assert unpacked(tmp_path / "code.zip") == ""
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["inner.zip"]


def test_twenty_thousand_entries_that_share_their_data(tmp_path: Path) -> None:
    packed = zeros(_BLOCK)
    body = local(b"a", packed, 1000)
    records = (central(b"%d" % number, len(packed), 1000, 0) for number in range(20_000))
    assert "overlap" in unpacked(write(tmp_path / "code.zip", body, records, 20_000))


@pytest.mark.parametrize(
    ("number", "told", "said"),
    [
        (1_000_000, 1_000_000, "The archive has 1000000 entries; at most 20000 are allowed."),
        (1_000_000, 1, "at most 8388608 are allowed."),
        (100_000, 1, "Could not unzip uploaded file"),
        (50_000, 20_000, "Could not unzip uploaded file"),
    ],
)
def test_a_million_empty_entries_whatever_their_number_is_said_to_be(
    tmp_path: Path, number: int, told: int, said: str
) -> None:
    records = (central(b"%d" % each, 0, 0, 0) for each in range(number))
    assert said in unpacked(write(tmp_path / "code.zip", b"", records, told))


def test_fifty_thousand_small_files(tmp_path: Path) -> None:
    (tmp_path / "code.zip").write_bytes(zipped({f"{number}.py": b"x" for number in range(50_000)}))
    assert unpacked(tmp_path / "code.zip") == "The archive has 50000 entries; at most 20000 are allowed."
    assert not (tmp_path / "out").exists()


def test_as_many_small_files_as_are_allowed(tmp_path: Path) -> None:
    names = [f"{'pkg/' * 10}{number % 100}/{number}.py" for number in range(19_800)]
    (tmp_path / "code.zip").write_bytes(zipped(dict.fromkeys(names, b"x")))
    assert unpacked(tmp_path / "code.zip") == ""
    assert sum(path.is_file() for path in (tmp_path / "out").rglob("*")) == 19_800


@pytest.mark.parametrize(
    ("entries", "depth", "said"),
    [
        (100, 509, "has a name that is not allowed"),
        (20_000, 32, "The archive makes more than 20000 files and folders."),
        (600, 32, "The archive unpacks to more than is allowed for its size."),
    ],
)
def test_names_that_imply_more_folders_than_there_are_entries(
    tmp_path: Path, entries: int, depth: int, said: str
) -> None:
    names = (f"{number}/{'d/' * (depth - 1)}f" for number in range(entries))
    (tmp_path / "code.zip").write_bytes(zipped(dict.fromkeys(names, b"")))
    assert said in unpacked(tmp_path / "code.zip")
    assert not (tmp_path / "out").exists()
