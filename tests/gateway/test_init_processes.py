"""Init that hangs, with real supervisors: the caller is told in the supervisor's words, and starts back off."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from funclet.gateway.gateway import Gateway
from funclet.gateway.settings import GatewaySettings
from support.gateway import exchange, invoke_bytes, revision, route, table
from support.instances import Processes

pytestmark = pytest.mark.processes

HELLO = revision(timeout="1s")
HANGS = """
import time
open("starts", "a").write("x")
time.sleep(60)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="funclet-") as path:
        yield Path(path)


async def test_an_init_that_hangs_is_told_as_such_however_short_the_functions_timeout(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two tries of 2 s are longer than timeout, one limit of init and this much.
    monkeypatch.setattr("funclet.gateway.invoke._BACKSTOP", 1.0)
    processes = Processes(folder, {HELLO.key: HANGS}, init_timeout_ms=2000, timeout_ms=1000)
    gateway = Gateway(processes, GatewaySettings(port=0, init_seconds=2.0))
    await gateway.start()
    gateway.update_routes(table(route(latest=HELLO)))
    try:
        answer = await exchange(gateway.port, invoke_bytes(), seconds=20.0)
        failure = gateway.revision_states()[HELLO.key].failure
        again = await exchange(gateway.port, invoke_bytes())
    finally:
        await gateway.stop(5.0)
    assert answer.headers["x-amz-function-error"] == "Unhandled"
    assert answer.json()["errorMessage"].endswith("Error: Initialization timed out after 2.00 seconds")
    assert failure is not None
    assert (failure.reason, failure.message) == ("InitFailed", "Initialization timed out after 2.00 seconds")
    # Told at once: the revision backs off.
    assert again.body == answer.body
    assert (folder / "i0" / "starts").read_text() == "xx"
    assert not (folder / "i1").exists()
