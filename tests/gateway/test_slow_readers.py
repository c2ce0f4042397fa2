"""Clients that do not take their answers: what is kept for one is bounded, and so is its time."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from funclet.gateway.fastlane import FastLane
from funclet.gateway.gateway import Gateway
from funclet.gateway.settings import ListenerLimits
from support.gateway import invoke_bytes, request, until
from support.wire import Wire

LIMITS = ListenerLimits()


@pytest.fixture
def wire() -> Wire:
    """Where the connection's answers go."""
    return Wire()


@pytest.fixture
async def lane(gateway: Gateway, wire: Wire) -> AsyncIterator[FastLane]:
    """One connection of the gateway."""
    lane = FastLane(gateway._listener)
    lane.connection_made(wire)
    yield lane
    lane.connection_lost(None)


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_who_takes_no_answers_gets_no_more_work_done(
    gateway: Gateway, lane: FastLane, wire: Wire
) -> None:
    lane.data_received(invoke_bytes())
    await until(lambda: b"200 OK" in wire.written)
    lane.pause_writing()
    for _ in range(3):
        lane.data_received(invoke_bytes())
    assert gateway.admission.requests == 0
    lane.resume_writing()
    await until(lambda: wire.written.count(b"200 OK") == 4)


async def test_who_takes_no_answers_and_sends_on_is_read_no_more(lane: FastLane, wire: Wire) -> None:
    lane.data_received(invoke_bytes())
    await until(lambda: b"200 OK" in wire.written)
    lane.pause_writing()
    lane.data_received(invoke_bytes(body=b'"' + b"a" * 100_000 + b'"'))
    read = [wire.reading]
    lane.resume_writing()
    assert [*read, wire.reading] == [False, True]
    await until(lambda: wire.written.count(b"200 OK") == 2)


async def test_a_rest_of_an_answer_that_is_never_taken_does_not_keep_a_closed_connection(
    lane: FastLane, wire: Wire
) -> None:
    wire.unsent = 10
    lane.close()
    begun = now()
    cut = []
    for seconds in (0.0, LIMITS.write_idle - 1, LIMITS.write_idle):
        lane.sweep(begun + seconds)
        cut.append(wire.aborted)
    assert cut == [False, False, True]


async def test_who_takes_an_answer_slowly_keeps_its_connection(lane: FastLane, wire: Wire) -> None:
    lane.data_received(invoke_bytes())
    await until(lambda: b"200 OK" in wire.written)
    begun = now()
    for step in range(100):
        wire.unsent = 100 - step
        lane.sweep(begun + step * (LIMITS.write_idle - 1))
    assert not wire.closed


async def test_the_time_between_two_requests_begins_when_the_answer_is_taken(
    lane: FastLane, wire: Wire
) -> None:
    lane.data_received(invoke_bytes())
    await until(lambda: b"200 OK" in wire.written)
    begun = now()
    for step in range(10):
        wire.unsent = 10 - step
        lane.sweep(begun + step * (LIMITS.write_idle - 1))
    wire.unsent = 0
    taken = begun + 9 * (LIMITS.write_idle - 1)
    lane.sweep(taken + LIMITS.keep_alive - 1)
    assert not wire.closed
    lane.sweep(taken + LIMITS.keep_alive)
    assert wire.closed


@pytest.mark.parametrize("deadline", ["header", "keep_alive"])
async def test_an_idle_connection_stays_to_the_second_that_the_settings_say(
    lane: FastLane, wire: Wire, deadline: str
) -> None:
    if deadline == "keep_alive":
        lane.data_received(invoke_bytes())
        await until(lambda: b"200 OK" in wire.written)
    ends = now() + getattr(LIMITS, deadline)
    lane.sweep(ends - 1)
    assert not wire.closed
    lane.sweep(ends)
    assert wire.closed


async def test_of_a_body_that_nobody_wants_nothing_is_kept(lane: FastLane, wire: Wire) -> None:
    lane.data_received(request(b"Content-Length: 6000000", b"X-Amz-Log-Type: Foo"))
    for _ in range(60):
        assert wire.written == b""
        lane.data_received(b"a" * 100_000)
        assert len(lane._buffer) == 0
    assert wire.written.startswith(b"HTTP/1.1 400 ")
    lane.data_received(invoke_bytes())
    await until(lambda: b"200 OK" in wire.written)
