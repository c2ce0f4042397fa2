import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from funclet.local.watch import changes, places


def test_folders_are_watched_with_all_below_and_files_by_their_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "manifests").mkdir()
    (tmp_path / "one.yaml").write_text("")
    deep, flat = places(
        [str(tmp_path / "manifests"), str(tmp_path / "one.yaml"), "-"], [tmp_path / "gone/code.zip"]
    )
    assert deep == {tmp_path / "manifests"}
    assert flat == {tmp_path}


@pytest.fixture
def ticks(tmp_path: Path) -> AsyncIterator[None]:
    (tmp_path / "m").mkdir()
    (tmp_path / "code").mkdir()
    return changes((str(tmp_path / "m"),), lambda: {tmp_path / "code"}, tmp_path / "m/state")


async def test_the_first_tick_covers_what_changed_before_the_watch_stood(ticks: AsyncIterator[None]) -> None:
    await asyncio.wait_for(anext(ticks), 10)


@pytest.mark.parametrize("changed", ["m/a.yaml", "code/app.py"])
async def test_a_changed_file_is_told(ticks: AsyncIterator[None], tmp_path: Path, changed: str) -> None:
    await anext(ticks)
    (tmp_path / changed).write_text("x")
    await asyncio.wait_for(anext(ticks), 10)
