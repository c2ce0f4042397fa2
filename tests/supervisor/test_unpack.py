import contextlib
import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from funclet.supervisor.unpack import Limits, UnpackError, check, unpack, unpack_into

Entry = tuple[str, bytes, int]


def archive(tmp_path: Path, entries: Iterable[Entry], name: str = "code.zip") -> Path:
    path = tmp_path / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for entry, data, mode in entries:
            info = zipfile.ZipInfo(entry)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            opened.writestr(info, data)
    return path


def file(name: str, data: bytes = b"x", mode: int = stat.S_IFREG | 0o644) -> Entry:
    return name, data, mode


def test_files_and_folders_come_out_as_they_went_in(tmp_path: Path) -> None:
    path = archive(
        tmp_path, [file("app.py", b"1"), file("pkg/", b"", stat.S_IFDIR | 0o755), file("pkg/m.py", b"2")]
    )
    unpack(path, tmp_path / "out")
    assert (tmp_path / "out/app.py").read_bytes() == b"1"
    assert (tmp_path / "out/pkg/m.py").read_bytes() == b"2"


@pytest.mark.parametrize(
    ("mode", "expected"),
    [(0o644, 0o644), (0o600, 0o644), (0o777, 0o755), (0o4755, 0o755), (0o100, 0o755), (0, 0o644)],
)
def test_modes_are_masked(tmp_path: Path, mode: int, expected: int) -> None:
    unpack(archive(tmp_path, [file("f", mode=stat.S_IFREG | mode)]), tmp_path / "out")
    assert stat.S_IMODE((tmp_path / "out/f").stat().st_mode) == expected


def test_into_a_folder_that_is_there_the_code_comes_read_only(tmp_path: Path) -> None:
    path = archive(tmp_path, [file("a/b/c", mode=stat.S_IFREG | 0o755), file("d", b"2")])
    folder = tmp_path / "out"
    folder.mkdir(mode=0o755)
    with path.open("rb") as opened:
        unpack_into(opened, str(folder))
    modes = {name: stat.S_IMODE((folder / name).stat().st_mode) for name in (".", "a", "a/b", "a/b/c", "d")}
    assert modes == {".": 0o555, "a": 0o555, "a/b": 0o555, "a/b/c": 0o555, "d": 0o444}


def test_into_a_folder_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "app.py").symlink_to("elsewhere")
    with (
        archive(tmp_path, [file("app.py")]).open("rb") as opened,
        pytest.raises(FileExistsError),
    ):
        unpack_into(opened, str(tmp_path))
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    "name",
    [
        "../etc/x", "a/../../x", "/abs", "C:\\x", "C:x", "a\\..\\b", "a//b", "./a", "a/./b", "..", "n" * 256,
        "/".join(["d" * 100] * 11), "a\nb", "a\x1b[2Jb", "d/" * 33 + "f", "d/" * 34,
    ],
)  # fmt: skip
def test_a_name_that_leaves_the_folder_or_has_no_place_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnpackError, match="name that is not allowed"):
        unpack(archive(tmp_path, [file(name)]), tmp_path / "deep")
    assert not (tmp_path / "deep").exists()


def test_a_name_with_a_nul_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, [file("good_name")])
    path.write_bytes(path.read_bytes().replace(b"good_name", b"good\0name"))
    with pytest.raises(UnpackError, match="name that is not allowed"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_only_files_and_folders_are_taken(tmp_path: Path, kind: int) -> None:
    with pytest.raises(UnpackError, match="neither a file nor a folder"):
        unpack(archive(tmp_path, [file("link", b"/etc/passwd", kind | 0o777)]), tmp_path / "out")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [["a.py", "a.py"], ["A.py", "a.py"], ["d/A", "D/a"], ["STRASSE", "straße"]])
def test_a_name_that_stands_twice_is_refused(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(UnpackError, match="twice"):
        unpack(archive(tmp_path, [file(name) for name in names]), tmp_path / "out")


@pytest.mark.parametrize("names", [["a", "a/b"], ["a/b", "a"]])
def test_what_is_a_file_cannot_be_a_folder_too(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(UnpackError, match=r"twice|both a file and a folder"):
        unpack(archive(tmp_path, [file(name) for name in names]), tmp_path / "out")


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, [file(str(number), b"") for number in range(11)])
    with pytest.raises(UnpackError, match="11 entries; at most 10"):
        unpack(path, tmp_path / "out", Limits(entries=10))


def test_a_file_may_lie_in_as_many_folders_as_anybody_needs(tmp_path: Path) -> None:
    unpack(archive(tmp_path, [file("d/" * 32 + "f")]), tmp_path / "out")
    assert (tmp_path / "out" / ("d/" * 32) / "f").exists()


def test_folders_that_only_names_imply_are_counted(tmp_path: Path) -> None:
    path = archive(tmp_path, [file(f"{number}/a/b/f", b"") for number in range(4)])
    unpack(path, tmp_path / "fits", Limits(entries=16))
    with pytest.raises(UnpackError, match="makes more than 15 files and folders"):
        unpack(path, tmp_path / "out", Limits(entries=15))


def test_folders_take_room_too(tmp_path: Path) -> None:
    path = archive(tmp_path, [file("a/b/f", b"")])
    with pytest.raises(UnpackError, match="Unzipped size must be smaller than 8192 bytes"):
        unpack(path, tmp_path / "out", Limits(total_bytes=8192))
    unpack(path, tmp_path / "out", Limits(total_bytes=8193))


def test_a_bomb_is_stopped_by_its_ratio_while_inflating(tmp_path: Path) -> None:
    path = archive(tmp_path, [file("zeros", bytes(4 << 20))])
    with pytest.raises(UnpackError, match="more than is allowed for its size"):
        unpack(path, tmp_path / "out", Limits(ratio=10, ratio_floor=1 << 20))
    assert (tmp_path / "out/zeros").stat().st_size <= (1 << 20) + (1 << 16)


def test_small_files_may_compress_as_well_as_they_like(tmp_path: Path) -> None:
    unpack(archive(tmp_path, [file("zeros", bytes(4 << 20))]), tmp_path / "out")


def test_the_sum_of_sizes_is_bounded_in_the_words_of_aws(tmp_path: Path) -> None:
    path = archive(tmp_path, [file("a", bytes(600)), file("b", bytes(600))])
    with pytest.raises(UnpackError, match=r"^Unzipped size must be smaller than 1000 bytes$"):
        unpack(path, tmp_path / "out", Limits(total_bytes=1000))


def test_a_size_that_lies_is_found_out(tmp_path: Path) -> None:
    path = archive(tmp_path, [file("f", bytes(50_000))])
    size = struct.pack("<I", 50_000)
    path.write_bytes(path.read_bytes().replace(size, struct.pack("<I", 5)))
    with pytest.raises(UnpackError):
        unpack(path, tmp_path / "out")


def overlapping() -> bytes:
    """Two central entries that share one local header's data."""
    data = zlib.compress(b"x" * 1000)[2:-4]
    local = struct.pack(
        "<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, zlib.crc32(b"x" * 1000), len(data), 1000, 1, 0
    )
    central = b"".join(
        struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 0, zlib.crc32(b"x" * 1000), len(data), 1000,
                    1, 0, 0, 0, 0, 0, 0) + name
        for name in (b"a", b"b")
    )  # fmt: skip
    body = local + b"a" + data
    return body + central + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 2, 2, len(central), len(body), 0)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda _: b"", id="nothing"),
        pytest.param(lambda _: b"\x00" * 100, id="zeros"),
        pytest.param(lambda good: good[: len(good) // 2], id="truncated"),
        pytest.param(lambda good: good.replace(b"PK\x03\x04", b"PK\x03\x05"), id="no local header"),
        pytest.param(lambda good: good.replace(b"app.py", b"bad.py", 1), id="local header of another name"),
        pytest.param(lambda _: b"./PaxHeaders" + bytes(500) + b"ustar" + bytes(600), id="a tar"),
        pytest.param(lambda _: overlapping(), id="overlapping entries"),
    ],
)
def test_what_is_no_sound_archive_is_refused(tmp_path: Path, make: Callable[[bytes], bytes]) -> None:
    path = archive(tmp_path, [file("app.py", b"print(1)\n" * 50)])
    path.write_bytes(make(path.read_bytes()))
    with pytest.raises(UnpackError, match=r"Could not unzip|overlap"):
        unpack(path, tmp_path / "out")


def test_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as opened:
        opened.writestr("app.py", b"print('hello')")
    path = tmp_path / "code.zip"
    path.write_bytes(buffer.getvalue().replace(b"hello", b"HELLO"))
    with pytest.raises(UnpackError, match="Could not unzip"):
        unpack(path, tmp_path / "out")


def test_an_encrypted_entry_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, [file("secret")])
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(UnpackError, match="encrypted"):
        unpack(path, tmp_path / "out")


def test_nested_archives_are_not_opened(tmp_path: Path) -> None:
    inner = archive(tmp_path, [file("../evil")], "inner.zip").read_bytes()
    unpack(archive(tmp_path, [file("inner.zip", inner)]), tmp_path / "out")
    assert (tmp_path / "out/inner.zip").read_bytes() == inner


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(min_value=0, max_value=10_000), value=st.integers(min_value=0, max_value=255))
def test_a_flipped_byte_gives_the_same_code_or_a_clear_refusal(
    tmp_path_factory: pytest.TempPathFactory, position: int, value: int
) -> None:
    folder = tmp_path_factory.mktemp("flip")
    path = archive(folder, [file("app.py", b"def handler(): pass\n"), file("pkg/m.py", b"X = 1\n")])
    data = bytearray(path.read_bytes())
    data[position % len(data)] = value
    path.write_bytes(data)
    with contextlib.suppress(UnpackError):
        unpack(path, folder / "out")
    written = {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()} - {"code.zip"}
    assert all(name.startswith("out/") for name in written)


@pytest.mark.parametrize(
    ("entries", "limits", "rule"),
    [
        ([file("a"), file("b")], Limits(entries=1), "at most 1 are allowed"),
        ([file("../a")], Limits(), "not allowed"),
        ([file("a", b"0" * 5000)], Limits(ratio=2, ratio_floor=0), "more than is allowed for its size"),
    ],
)
def test_an_archive_can_be_refused_by_its_directory_alone(
    tmp_path: Path, entries: list[Entry], limits: Limits, rule: str
) -> None:
    with archive(tmp_path, entries).open("rb") as opened, pytest.raises(UnpackError, match=rule):
        check(opened, limits)


def test_a_good_directory_passes_and_garbage_does_not(tmp_path: Path) -> None:
    with archive(tmp_path, [file("a", b"0" * 5000)]).open("rb") as opened:
        check(opened)
    with pytest.raises(UnpackError, match="Could not unzip uploaded file"):
        check(io.BytesIO(b"garbage"))
