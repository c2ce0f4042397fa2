import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from funclet.api.settings import Code, VersionedSettings
from funclet.local.archive import pack_folder
from funclet.local.code import CodeFolders
from funclet.local.launcher import ProcessStarter
from funclet.local.runtimes import discover
from funclet.plan.revision import Revision
from funclet.store.blobs import DirectoryBlobs

pytestmark = pytest.mark.processes

Starting = Callable[[Callable[[Revision, str, str], None]], ProcessStarter]


@pytest.fixture
async def starting(tmp_path: Path) -> AsyncIterator[Starting]:
    """Makes a starter with a sink; all that it starts is ended."""
    runtimes = await discover()
    made: list[ProcessStarter] = []

    def make(sink: Callable[[Revision, str, str], None]) -> ProcessStarter:
        blobs = DirectoryBlobs(tmp_path / "blobs")
        (tmp_path / "source").mkdir()
        (tmp_path / "source" / "app.py").write_text("print('hello')\ndef handler(event, context): ...\n")
        blobs.put(pack_folder(tmp_path / "source"))
        made.append(
            ProcessStarter(
                runtimes=runtimes,
                code=CodeFolders(blobs, tmp_path / "code"),
                region="us-east-1",
                passed={},
                sink=sink,
                complain=lambda _, __: None,
            )
        )
        return made[-1]

    yield make
    for starter in made:
        await starter.close()


async def revision(tmp_path: Path) -> Revision:
    settings = VersionedSettings(runtime="python", handler="app.handler", code=Code(inline={"app.py": ""}))
    runtime = (await discover())["python"].resolved
    sha256 = DirectoryBlobs(tmp_path / "blobs").put(pack_folder(tmp_path / "source"))
    return Revision("k", "default", "f", "f", "$LATEST", settings, sha256, runtime)


async def test_an_instance_whose_log_cannot_be_taken_ends_and_says_so(
    starting: Starting, tmp_path: Path
) -> None:
    def broken(_revision: Revision, _stream: str, _line: str) -> None:
        raise RuntimeError("a defect")

    starter = starting(broken)
    instance = await starter.start(await revision(tmp_path))
    async with asyncio.timeout(30):
        assert await instance.ended == "ended by SIGKILL"
    assert not starter._running
