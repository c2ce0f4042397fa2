"""What was unpacked is told from everything that came later, whoever owns it and however it was put there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from funclet.supervisor.seal import restore, seal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A folder with code, whose owner may change all of it."""
    folder = tmp_path / "code"
    for name in ("app.py", "one/same.py", "two/same.py", "empty/"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir()
        else:
            path.write_text("x = 1\n")
    return folder


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_what_nobody_changed_is_as_it_was(code: Path) -> None:
    sealed = seal(str(code))
    before = names(code)
    assert len(sealed) < 100
    for _ in range(2):
        assert restore(str(code), sealed)
        assert names(code) == before


def test_what_came_later_is_removed(code: Path, tmp_path: Path) -> None:
    sealed = seal(str(code))
    before = names(code)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (code / "json.py").write_text("raise SystemExit")
    (code / "one/__pycache__").mkdir()
    (code / "one/__pycache__/same.pyc").touch()
    (code / "deep/er").mkdir(parents=True)
    (code / "link").symlink_to(outside)
    (code / "link.py").symlink_to("app.py")
    os.mkfifo(code / "pipe")
    assert restore(str(code), sealed)
    assert names(code) == before
    assert (outside / "kept").exists()


def forge(path: Path) -> None:
    """Change content, and set back all times that may be set."""
    before = path.stat()
    path.write_text("x = 2\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def swap(one: Path, two: Path) -> None:
    """Let two folders change their names."""
    one.rename(one.with_name("between"))
    two.rename(one)
    one.with_name("between").rename(two)


@pytest.mark.parametrize(
    "change",
    [
        lambda code: (code / "app.py").write_text("x = 2\n"),
        lambda code: forge(code / "app.py"),
        lambda code: (code / "app.py").unlink(),
        lambda code: (code / "app.py").chmod(0o755),
        lambda code: (code / "app.py").rename(code / "app2.py"),
        lambda code: os.link(code / "app.py", code / "app2.py"),
        lambda code: ((code / "app.py").unlink(), (code / "app.py").write_text("x = 1\n")),
        lambda code: ((code / "app.py").unlink(), (code / "app.py").symlink_to("one/same.py")),
        lambda code: (code / "one").rename(code / "three"),
        lambda code: swap(code / "one", code / "two"),
        lambda code: (code / "empty").rmdir(),
        lambda code: code.rename(code.with_name("elsewhere")) and code.mkdir(),
    ],
    ids=[
        "content",
        "times",
        "gone",
        "mode",
        "name",
        "link",
        "again",
        "symlink",
        "folder",
        "swap",
        "empty",
        "all",
    ],
)
def test_what_was_changed_is_told(code: Path, change: Callable[[Path], object]) -> None:
    sealed = seal(str(code))
    change(code)
    assert not restore(str(code), sealed)


def test_a_change_right_after_the_seal_is_told_from_what_was_there(code: Path) -> None:
    for number in range(50):
        sealed = seal(str(code))
        (code / "app.py").write_text(f"x = {number % 10}\n")
        assert not restore(str(code), sealed)
        (code / "app.py").write_text("x = 1\n")


def test_a_change_through_memory_is_told(code: Path) -> None:
    import mmap  # noqa: PLC0415 - for this alone

    sealed = seal(str(code))
    with (code / "app.py").open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[4:5] = b"2"
        memory.flush()
    assert not restore(str(code), sealed)
