import asyncio
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from funclet.api.settings import Code, VersionedSettings
from funclet.local import logs as module
from funclet.local.logs import Logs
from funclet.plan.revision import ResolvedRuntime, Revision


def revision(version: str = "$LATEST", function: str = "greet") -> Revision:
    settings = VersionedSettings(runtime="python", handler="a.b", code=Code(inline={"a.py": ""}))
    runtime = ResolvedRuntime("python", "local:1")
    return Revision("k", "default", function, function, version, settings, "0" * 64, runtime)


async def taken(lines: AsyncIterator[str]) -> list[str]:
    return [line async for line in lines]


async def test_lines_come_back_in_order_and_by_version(tmp_path: Path) -> None:
    logs = Logs(tmp_path, lambda _, __: None)
    logs.write(revision(), "s", "one")
    logs.write(revision("1"), "s", "two")
    logs.write(revision(), "s", "three\twith a tab")
    assert await taken(logs.lines("greet", versions=frozenset(), tail=None, follow=False)) == [
        "one",
        "two",
        "three\twith a tab",
    ]
    assert await taken(logs.lines("greet", versions=frozenset({"1"}), tail=None, follow=False)) == ["two"]
    assert await taken(logs.lines("greet", versions=frozenset(), tail=1, follow=False)) == [
        "three\twith a tab"
    ]
    assert await taken(logs.lines("greet", versions=frozenset(), tail=0, follow=False)) == []
    logs.close()


async def test_lines_survive_a_restart(tmp_path: Path) -> None:
    first = Logs(tmp_path, lambda _, __: None)
    first.write(revision("3"), "s", "before")
    first.close()
    again = Logs(tmp_path, lambda _, __: None)
    assert await taken(again.lines("greet", versions=frozenset({"3"}), tail=None, follow=False)) == ["before"]


async def test_a_follower_gets_what_comes(tmp_path: Path) -> None:
    logs = Logs(tmp_path, lambda _, __: None)
    logs.write(revision(), "s", "old")
    lines = logs.lines("greet", versions=frozenset(), tail=None, follow=True)
    assert await anext(lines) == "old"
    waiting = asyncio.ensure_future(anext(lines))
    await asyncio.sleep(0)
    logs.write(revision(function="other"), "s", "not this")
    logs.write(revision(), "s", "new")
    assert await waiting == "new"
    logs.close()


def test_files_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FILE_BYTES", 1000)
    logs = Logs(tmp_path, lambda _, __: None)
    for _ in range(500):
        logs.write(revision(), "s", "x" * 50)
    logs.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2500


async def test_each_line_is_echoed(tmp_path: Path) -> None:
    echoed: list[str] = []
    logs = Logs(tmp_path, lambda _, text: echoed.append(text))
    logs.write(revision(), "s", "one")
    assert echoed == ["one"]
    logs.close()


class FullDisk:
    """A file whose disk is full: it is open, and can be neither written, nor closed, nor opened again."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")

    def __call__(self, *_: object, **__: object) -> "FullDisk":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def write(self, _record: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        self._file.close()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_a_full_disk_is_told_once_and_lines_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    echoed: list[str] = []
    told: list[str] = []
    logs = Logs(tmp_path, lambda _, text: echoed.append(text), told.append)
    logs.write(revision(), "s", "before")
    log = logs._log("greet")
    log.close()
    log._file = FullDisk(tmp_path / "greet.log")  # type: ignore[assignment]  # a file as far as the log knows
    monkeypatch.setattr(Path, "open", log._file)
    for number in range(3):
        logs.write(revision(), "s", f"full {number}")
    monkeypatch.undo()
    logs.write(revision(), "s", "after")
    assert echoed == ["before", "full 0", "full 1", "full 2", "after"]
    assert await taken(logs.lines("greet", versions=frozenset(), tail=None, follow=False)) == echoed
    (problem,) = told
    assert problem.endswith("greet.log cannot be written, so lines are lost: No space left on device")
    logs.close()
    assert (tmp_path / "greet.log").read_text() == "$LATEST\tbefore\n$LATEST\tafter\n"
