"""Thousands of clients that do nothing, or next to nothing, and one that wants to be served."""

import asyncio
import resource
import sys
import time
from collections.abc import Iterator

import pytest

from funclet.gateway.gateway import Gateway
from funclet.gateway.settings import GatewaySettings, ListenerLimits
from support.crowd import Crowd
from support.gateway import FakeStarter, invoke_bytes, read_answer, route, serving, until

pytestmark = pytest.mark.processes

#: descriptors that a process needs besides its connections
_OTHERS = 200


@pytest.fixture(autouse=True)
def descriptors() -> Iterator[int]:
    """As many descriptors as this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield sys.maxsize if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def fitting(wanted: int, descriptors: int) -> int:
    """Return how many connections one process can hold, at most as many as wanted."""
    fit = min(wanted, descriptors - _OTHERS)
    if fit < wanted:
        sys.stdout.write(
            f"{wanted} connections would need more descriptors than {descriptors}: {fit} instead\n"
        )
    return fit


async def good_calls(gateway: Gateway) -> str:
    """Make calls one after the other for a second, all of which succeed; tell of their times."""
    times = []
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    end = time.perf_counter() + 1.0
    while (begun := time.perf_counter()) < end:
        writer.write(invoke_bytes())
        assert (await read_answer(reader)).status == 200
        times.append(time.perf_counter() - begun)
    writer.close()
    times.sort()
    half, most = (times[len(times) * share // 100] * 1000 for share in (50, 99))
    return f"{len(times)} calls, p50 {half:.2f} ms, p99 {most:.2f} ms"


async def test_five_thousand_slow_clients_are_cut_off_and_hold_nobody_up(
    starter: FakeStarter, descriptors: int
) -> None:
    count = fitting(5_000, descriptors // 2)
    limits = ListenerLimits(header=4.0, connections_per_address=count)
    async with serving(starter, route(), settings=GatewaySettings(listener=limits)) as gateway:
        before = await good_calls(gateway)
        async with Crowd(gateway.port, count, "slow") as crowd:
            beside = await good_calls(gateway)
            await until(lambda: gateway._public.connections == 0, seconds=30.0)
            told = await crowd.leave()
    sys.stdout.write(f"alone: {before}\nbeside {count} slow clients: {beside}\n")
    assert told == {"closed": count, "408": count}


async def test_twenty_thousand_idle_connections_stay_within_the_cap_and_hold_nobody_up(
    starter: FakeStarter, descriptors: int
) -> None:
    count = fitting(10_000, descriptors)
    most = fitting(10_000, descriptors * 3 // 4)
    limits = ListenerLimits(header=60.0, connections=most)
    async with serving(starter, route(), settings=GatewaySettings(listener=limits)) as gateway:
        before = await good_calls(gateway)
        idle = [Crowd(gateway.port, count, "idle", host=host) for host in (2, 12)]
        async with idle[0], idle[1]:
            await until(lambda: gateway._public.connections == most)
            beside = await good_calls(gateway)
            told = [await crowd.leave() for crowd in idle]
    sys.stdout.write(f"alone: {before}\nbeside {2 * count} connections, {most} open: {beside}\n")
    assert sum(each["closed"] for each in told) == 2 * count - most + 1
