"""Init that hangs, or takes longer than its caller waits, with real supervisors."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from funclet.gateway.gateway import Gateway
from funclet.gateway.settings import GatewaySettings
from support.gateway import exchange, invoke_bytes, metrics, revision, route, table, until
from support.instances import Processes

pytestmark = pytest.mark.processes

HELLO = revision(timeout="1s")
HANGS = """
import time
open("starts", "a").write("x")
time.sleep(60)
"""
#: comes through init once the file "go" is there; keeps the events that reach it
WAITS = """
import os, time
open("starts", "a").write("x")
while not os.path.exists("go"): time.sleep(0.01)
def handler(event, context):
    open("events", "a").write(f"{event} ")
    return event
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="funclet-") as path:
        yield Path(path)


@asynccontextmanager
async def serving(processes: Processes, settings: GatewaySettings) -> AsyncIterator[Gateway]:
    """A gateway whose function may run once at a time."""
    gateway = Gateway(processes, replace(settings, port=0))
    await gateway.start()
    gateway.update_routes(table(route(latest=HELLO, reserved=1)))
    try:
        yield gateway
    finally:
        await gateway.stop(5.0)


async def test_an_init_that_hangs_is_told_as_such_however_short_the_functions_timeout(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two tries of 2 s are longer than timeout, one limit of init and this much.
    monkeypatch.setattr("funclet.gateway.invoke._BACKSTOP", 1.0)
    processes = Processes(folder, {HELLO.key: HANGS}, init_timeout_ms=2000, timeout_ms=1000)
    async with serving(processes, GatewaySettings(init_seconds=2.0)) as gateway:
        answer = await exchange(gateway.port, invoke_bytes(), seconds=20.0)
        failure = gateway.revision_states()[HELLO.key].failure
        again = await exchange(gateway.port, invoke_bytes())
    assert answer.headers["x-amz-function-error"] == "Unhandled"
    assert answer.json()["errorMessage"].endswith("Error: Initialization timed out after 2.00 seconds")
    assert failure is not None
    assert (failure.reason, failure.message) == ("InitFailed", "Initialization timed out after 2.00 seconds")
    # Told at once: the revision backs off.
    assert again.body == answer.body
    assert (folder / "i0" / "starts").read_text() == "xx"
    assert not (folder / "i1").exists()


async def test_a_caller_that_leaves_in_init_makes_room_for_the_next_one_and_its_event_never_runs(
    folder: Path,
) -> None:
    processes = Processes(folder, {HELLO.key: WAITS}, timeout_ms=1000)
    async with serving(processes, GatewaySettings()) as gateway:
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(invoke_bytes(body=b"1"))
        await until((folder / "i0" / "starts").exists)
        assert b'funclet_in_flight{function="hello"} 1.0' in metrics(gateway)
        assert (await exchange(gateway.port, invoke_bytes())).status == 429
        writer.close()
        await until(lambda: b'funclet_in_flight{function="hello"} 0.0' in metrics(gateway))
        second = asyncio.create_task(exchange(gateway.port, invoke_bytes(body=b"2")))
        await until(lambda: b'funclet_in_flight{function="hello"} 1.0' in metrics(gateway))
        (folder / "i0" / "go").touch()
        answer = await second
        third = await exchange(gateway.port, invoke_bytes(body=b"3"))
    assert [(each.status, each.body) for each in (answer, third)] == [(200, b"2"), (200, b"3")]
    assert (folder / "i0" / "events").read_text() == "2 3 "
    assert (folder / "i0" / "starts").read_text() == "x"
    assert not (folder / "i1").exists()
