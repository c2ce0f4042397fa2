import os
from pathlib import Path

from funclet.gateway.code.room import make_room

BIG = 1 << 20


def put(root: Path, name: str, size: int, *, used: float) -> Path:
    path = root / "shop" / name[:2] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (used, used))
    return path


def test_nothing_is_removed_while_there_is_room(tmp_path: Path) -> None:
    path = put(tmp_path, "aa1", BIG, used=1)
    make_room(tmp_path, BIG)
    assert path.exists()


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    old, older, new = (put(tmp_path, name, BIG, used=at) for name, at in (("aa1", 2), ("bb2", 1), ("cc3", 3)))
    make_room(tmp_path, 2 * BIG)
    assert [path.exists() for path in (old, older, new)] == [True, False, True]


def test_small_archives_which_may_be_nowhere_else_go_last(tmp_path: Path) -> None:
    small, big = put(tmp_path, "aa1", 100, used=1), put(tmp_path, "bb2", BIG, used=2)
    make_room(tmp_path, BIG)
    assert small.exists()
    assert not big.exists()


def test_what_is_just_coming_is_left_alone(tmp_path: Path) -> None:
    coming = tmp_path / "shop" / "partial" / "x"
    coming.parent.mkdir(parents=True)
    coming.write_bytes(bytes(BIG))
    make_room(tmp_path, 0)
    assert coming.exists()
