from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.cli import Command
from support.rest import TOKEN, Served, served


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path / "served") as running:
        yield running


@pytest.fixture
def funclet(tmp_path: Path, rest: Served) -> Command:
    """The command, in a folder of its own, pointed at the listener."""
    folder = tmp_path / "work"
    folder.mkdir()
    return Command(folder, {"FUNCLET_ADMIN_URL": rest.url, "FUNCLET_TOKEN": TOKEN})
