"""A changed $LATEST with real supervisors: who serves, and what is told of one that cannot start."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from funclet.gateway.failure import Failure
from funclet.gateway.gateway import Gateway
from funclet.gateway.settings import GatewaySettings
from funclet.plan.revision import Revision
from support.gateway import exchange, invoke_bytes, revision, route, table, until
from support.instances import Processes

pytestmark = pytest.mark.processes

ECHO = "def handler(event, context): return event"


OLD, NEW = revision(build="old"), revision(build="new")


@pytest.fixture
def processes() -> Iterator[Processes]:
    """Instances of which the old revision echoes."""
    with tempfile.TemporaryDirectory(prefix="funclet-") as folder:
        yield Processes(Path(folder), {OLD.key: ECHO}, init_timeout_ms=60_000)


@pytest.fixture
async def gateway(processes: Processes) -> AsyncIterator[Gateway]:
    """A gateway that serves the old revision; init may take a minute."""
    gateway = Gateway(processes, GatewaySettings(port=0, init_seconds=60.0))
    await gateway.start()
    gateway.update_routes(table(route(latest=OLD)))
    try:
        assert (await exchange(gateway.port, invoke_bytes(body=b"1"))).body == b"1"
        yield gateway
    finally:
        await gateway.stop(5.0)
        assert processes.running == {}


def failure_of(gateway: Gateway, of: Revision) -> Failure | None:
    """Why a revision does not come up, as its status tells."""
    state = gateway.revision_states().get(of.key)
    return state.failure if state is not None else None


async def test_a_new_latest_that_fails_in_init_is_told_long_before_inits_limit(
    gateway: Gateway, processes: Processes
) -> None:
    processes.code[NEW.key] = "import nowhere"
    gateway.update_routes(table(route(latest=NEW)))
    await until(lambda: failure_of(gateway, NEW), seconds=20.0)
    failure = failure_of(gateway, NEW)
    assert failure is not None
    assert (failure.reason, failure.message) == (
        "InitFailed",
        "Unable to import module 'app': No module named 'nowhere'",
    )
    assert gateway.revision_states()[OLD.key].serving
    assert (await exchange(gateway.port, invoke_bytes(body=b"2"))).body == b"2"


async def test_the_reason_told_is_the_one_that_a_caller_gets(gateway: Gateway, processes: Processes) -> None:
    processes.code[NEW.key] = "import nowhere"
    both = route(latest=NEW, versions={"1": NEW})
    gateway.update_routes(table(both))
    await until(lambda: failure_of(gateway, NEW), seconds=20.0)
    failure = failure_of(gateway, NEW)
    answer = await exchange(gateway.port, invoke_bytes("hello:1"))
    assert answer.headers["x-amz-function-error"] == "Unhandled"
    assert failure is not None
    assert answer.body == failure.payload


async def test_a_new_latest_that_is_mended_takes_over(gateway: Gateway, processes: Processes) -> None:
    processes.code[NEW.key] = "import nowhere"
    gateway.update_routes(table(route(latest=NEW)))
    await until(lambda: failure_of(gateway, NEW), seconds=20.0)
    processes.code[NEW.key] = ECHO
    await until(lambda: gateway.revision_states()[NEW.key].serving, seconds=20.0)
    assert (await exchange(gateway.port, invoke_bytes(body=b"3"))).body == b"3"
