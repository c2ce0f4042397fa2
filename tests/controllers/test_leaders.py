"""Two operators: one writes, and the other takes over."""

import time
from collections.abc import AsyncIterator, Mapping

import pytest

from funclet.kube.connection import Connection
from funclet.kube.leadership import DURATION
from support.api_server import Server
from support.operators import QUICK, OperatorProcess, Seen, eventually, running

LEASE = "funclet-operator"
#: seconds beyond the Lease's own until the other one has looked again, and has written
_SLACK = 10.0


@pytest.fixture
def lease() -> Mapping[str, float]:
    """The times of their Lease: those that they are shipped with."""
    return {}


@pytest.fixture
async def pair(
    api_server: Server, connection: Connection, namespace: str, lease: Mapping[str, float]
) -> AsyncIterator[tuple[Seen, OperatorProcess, OperatorProcess]]:
    """A namespace with an operator that leads, and one that waits."""
    with (
        running(api_server.kubeconfig, namespace, "one", lease=lease) as first,
        running(api_server.kubeconfig, namespace, "two", lease=lease) as second,
    ):
        seen = Seen(connection, namespace)

        async def holder() -> str | None:
            lease = await seen.there(LEASE, "Lease")
            return lease["spec"]["holderIdentity"] if lease else None

        leader = await eventually(holder)
        both = (first, second) if leader == "one" else (second, first)
        await both[0].leads()
        yield seen, *both


async def takes_over(seen: Seen, heir: OperatorProcess) -> float:
    """Wait until the heir has made a Function Ready; gives the seconds."""
    begun, name = time.monotonic(), seen.new()
    await seen.apply(seen.function(name))
    await seen.ready(name)
    lease = await seen.get(LEASE, "Lease")
    assert lease["spec"]["holderIdentity"] == heir.identity
    return time.monotonic() - begun


async def test_the_other_one_takes_over_at_once_from_a_leader_that_was_asked_to_end(
    pair: tuple[Seen, OperatorProcess, OperatorProcess],
) -> None:
    seen, leader, heir = pair
    name = seen.new()
    await seen.apply(seen.function(name))
    await seen.ready(name)
    assert '"event": "leading"' not in heir.said
    assert leader.terminate() == 0
    assert "Traceback" not in leader.said
    assert await takes_over(seen, heir) < DURATION


@pytest.mark.parametrize("lease", [QUICK], ids=["a Lease of 3 s"])
async def test_the_other_one_takes_over_from_a_leader_that_was_killed_when_its_lease_has_run_out(
    pair: tuple[Seen, OperatorProcess, OperatorProcess],
) -> None:
    seen, leader, heir = pair
    await seen.settled()
    leader.kill()
    assert await takes_over(seen, heir) < QUICK["duration"] + _SLACK
