import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.cli import Command
from support.rest import TOKEN, Served, served


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let Ctrl-C reach the commands that tests start: whoever runs tests in the background has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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
