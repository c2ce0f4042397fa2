"""Clients that do not take their answers: what is kept for one is bounded, and so is its time."""

import asyncio
import math
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from funclet.gateway.fastlane import FastLane
from funclet.gateway.gateway import Gateway
from funclet.gateway.settings import ListenerLimits
from support.gateway import (
    FakeStarter,
    Received,
    Reply,
    exchange,
    invoke_bytes,
    metrics,
    read_answer,
    request,
    until,
)
from support.wire import Wire

LIMITS = ListenerLimits()
MEGABYTE = 1024 * 1024
LARGE = b'"' + b"a" * 6 * MEGABYTE + b'"'
#: of answers that nobody takes, a few fit, beside what the kernel has of each
ROOM = 12 * MEGABYTE


@pytest.fixture
def wire() -> Wire:
    """Where the connection's answers go."""
    return Wire()


@pytest.fixture
async def lane(gateway: Gateway, wire: Wire) -> AsyncIterator[FastLane]:
    """One connection of the gateway."""
    lane = FastLane(gateway._public._listener)
    lane.connection_made(wire)
    yield lane
    lane.connection_lost(None)


def now() -> float:
    """The loop's time in whole seconds, which add up exactly."""
    return float(math.ceil(asyncio.get_running_loop().time()))


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


async def test_who_takes_an_answer_slowly_keeps_its_connection_for_as_long_as_a_request_may_take(
    lane: FastLane, wire: Wire
) -> None:
    lane.data_received(invoke_bytes())
    await until(lambda: b"200 OK" in wire.written)
    begun = now()
    for seconds in range(int(LIMITS.answer)):
        wire.unsent = 1000 - seconds
        lane.sweep(begun + seconds)
    assert not wire.closed
    wire.unsent -= 1
    lane.sweep(begun + LIMITS.answer)
    assert wire.aborted


async def test_each_answer_has_that_time_for_itself(lane: FastLane, wire: Wire) -> None:
    lane.data_received(invoke_bytes())
    await until(lambda: b"200 OK" in wire.written)
    begun = now()
    for step in range(10):
        wire.unsent = 100_000 - step
        lane.pause_writing()
        lane.sweep(begun + step * (LIMITS.answer - 1))
        wire.unsent = 10_000 - step
        lane.resume_writing()
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


class SlowReader:
    """A client with next to no room for what it does not read."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def ask(self, headers: dict[str, str]) -> None:
        """Send a request."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self._port))
        self.reader, self._writer = await asyncio.open_connection(sock=sock, limit=1024)
        self._writer.write(invoke_bytes(headers=headers))

    async def take(self) -> int | None:
        """Read the answer at last: the size of its body, or None where the connection breaks."""
        try:
            return len((await read_answer(self.reader)).body)
        except (ConnectionError, EOFError):
            return None

    def close(self) -> None:
        """Leave."""
        self._writer.close()


@pytest.fixture
async def large(gateway: Gateway, starter: FakeStarter, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """A gateway with little room, whose function answers much."""

    async def answer(_: Received) -> Reply:
        return Reply(LARGE)

    starter.behaviour = answer
    monkeypatch.setattr(gateway.admission, "limits", replace(LIMITS, held_bytes=ROOM))
    return gateway


@pytest.mark.parametrize("headers", [{}, {"X-A": "a", "x-a": "b"}], ids=["fast lane", "aiohttp"])
async def test_many_clients_that_take_no_answers_hold_no_more_than_may_be_held(
    large: Gateway, headers: dict[str, str]
) -> None:
    most = 0
    async with AsyncExitStack() as stack:
        readers = []
        for _ in range(24):
            reader = SlowReader(large.port)
            await reader.ask(headers)
            stack.callback(reader.close)
            readers.append(reader)
            # One after the other, so that who came first is known.
            await until(lambda: b'funclet_in_flight{function="hello"} 0.0' in metrics(large))
            await until(lambda: large.admission.requests == 0)
            most = max(most, large.admission.bytes)
        assert ROOM / 2 < most <= ROOM
        # Who takes its answer gets it, whoever else does not.
        assert len((await exchange(large.port, invoke_bytes(headers=headers))).body) == len(LARGE)
        taken = [await reader.take() for reader in readers]
    cut = [size for size in taken if size is None]
    # Those go that have been at it for longest.
    assert 0 < len(cut) < 24
    assert taken == [*cut, *[len(LARGE)] * (24 - len(cut))]
    await until(lambda: b"funclet_held_bytes 0.0" in metrics(large))


@pytest.mark.parametrize("headers", [{}, {"X-A": "a", "x-a": "b"}], ids=["fast lane", "aiohttp"])
async def test_who_leaves_in_the_middle_of_its_answer_leaves_nothing_behind(
    large: Gateway, starter: FakeStarter, headers: dict[str, str]
) -> None:
    reader = SlowReader(large.port)
    await reader.ask(headers)
    assert (await reader.reader.readexactly(1000)).startswith(b"HTTP/1.1 200 OK")
    await until(lambda: large.admission.bytes > MEGABYTE)
    reader.close()
    await until(lambda: b"funclet_connections 0.0" in metrics(large))
    for gauge in (b"held_requests", b"held_bytes", b'in_flight{function="hello"}'):
        assert b"funclet_%b 0.0" % gauge in metrics(large)
    assert (await exchange(large.port, invoke_bytes())).status == 200
    assert [len(each.calls) for each in starter.supervisors.values()] == [2]
