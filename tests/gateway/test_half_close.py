"""Clients that end their half of the connection, which looks like leaving: those that stay get their answers."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from funclet.gateway.gateway import Gateway
from funclet.gateway.settings import GatewaySettings
from support.gateway import (
    FakeStarter,
    FakeSupervisor,
    HttpAnswer,
    Received,
    Reply,
    exchange,
    invoke_bytes,
    metrics,
    read_answer,
    request,
    route,
    serving,
    until,
)

CHUNKED = b"Transfer-Encoding: chunked"
#: headers that only aiohttp takes
TWICE = {"X-A": "a", "x-a": "b"}
LANES = pytest.mark.parametrize("headers", [{}, TWICE], ids=["fast lane", "aiohttp"])


class Gate:
    """Calls that echo once it is open."""

    def __init__(self, starter: FakeStarter) -> None:
        self.opened = asyncio.Event()
        starter.behaviour = self._hold

    async def _hold(self, call: Received) -> Reply:
        await self.opened.wait()
        return Reply(call.body)


@pytest.fixture
async def gate(starter: FakeStarter) -> Gate:
    """A gate that is shut."""
    return Gate(starter)


@pytest.fixture
async def capped(starter: FakeStarter) -> AsyncIterator[Gateway]:
    """A gateway whose function may run twice at once."""
    async with serving(starter, route(reserved=2), settings=GatewaySettings()) as gateway:
        yield gateway
        if starter.gate is not None:
            starter.gate.set()


async def rest_of(reader: asyncio.StreamReader) -> list[HttpAnswer]:
    """Read answers until the connection ends."""
    async with asyncio.timeout(10.0):
        data = await reader.read()
    rest = asyncio.StreamReader()
    rest.feed_data(data)
    rest.feed_eof()
    answers = []
    while not rest.at_eof():
        answers.append(await read_answer(rest))
    return answers


async def last_words(gateway: Gateway, data: bytes) -> list[tuple[int, bytes]]:
    """Send bytes and no more; statuses and bodies of all answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(data)
    writer.write_eof()
    answers = await rest_of(reader)
    writer.close()
    return [(answer.status, answer.body) for answer in answers]


@LANES
async def test_who_sends_no_more_after_a_whole_request_is_answered(
    gateway: Gateway, headers: dict[str, str]
) -> None:
    assert await last_words(gateway, invoke_bytes(body=b"1", headers=headers)) == [(200, b"1")]


@LANES
async def test_all_that_was_sent_ahead_is_answered(gateway: Gateway, headers: dict[str, str]) -> None:
    data = b"".join(invoke_bytes(body=b"%d" % number, headers=headers) for number in range(5))
    assert await last_words(gateway, data) == [(200, b"%d" % number) for number in range(5)]


async def test_what_was_sent_ahead_for_the_other_lane_is_answered(gateway: Gateway) -> None:
    data = invoke_bytes(body=b"1") + invoke_bytes(body=b"2", headers=TWICE)
    assert await last_words(gateway, data) == [(200, b"1"), (200, b"2")]


@LANES
async def test_an_answer_that_takes_its_time_comes_after_interim_ones(
    gateway: Gateway, starter: FakeStarter, gate: Gate, headers: dict[str, str]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(invoke_bytes(body=b"1", headers=headers))
    writer.write_eof()
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    assert await reader.readexactly(2 * len(interim)) == 2 * interim
    gate.opened.set()
    assert [answer.body for answer in await rest_of(reader)] == [b"1"]
    writer.close()
    assert len(starter.supervisors["i0"].calls) == 1


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(request(b"Content-Length: 10", body=b"{}"), id="fast lane"),
        pytest.param(request(b"Content-Length: 10", b"X-A: a", b"X-A: b", body=b"{}"), id="aiohttp"),
        pytest.param(request(CHUNKED, body=b"10\r\n{}"), id="chunked"),
        pytest.param(request(CHUNKED, body=b"2\r\n{}\r\n"), id="chunked, without an end"),
        pytest.param(request(CHUNKED), id="chunked, nothing"),
    ],
)
@pytest.mark.parametrize("before", [b"", invoke_bytes(body=b"1")], ids=["alone", "sent ahead"])
async def test_a_body_that_is_cut_short_is_refused_and_not_run(
    gateway: Gateway, starter: FakeStarter, before: bytes, cut: bytes
) -> None:
    answers = await last_words(gateway, before + cut)
    assert [status for status, _ in answers] == ([200, 400] if before else [400])
    assert sum(len(each.calls) for each in starter.supervisors.values()) == bool(before)
    await until(lambda: b"funclet_held_requests 0.0" in metrics(gateway))


async def leave(writer: asyncio.StreamWriter) -> None:
    """Close a connection whole, as a program that ends does."""
    writer.close()
    await writer.wait_closed()


@LANES
async def test_who_leaves_while_its_call_waits_gives_its_place_back(
    capped: Gateway, starter: FakeStarter, gate: Gate, headers: dict[str, str]
) -> None:
    starter.gate = asyncio.Event()
    _, stays = await asyncio.open_connection("127.0.0.1", capped.port)
    stays.write(invoke_bytes(body=b"1"))
    _, leaves = await asyncio.open_connection("127.0.0.1", capped.port)
    leaves.write(invoke_bytes(body=b"2", headers=headers))
    await until(lambda: b'funclet_waiting{function="hello"} 2.0' in metrics(capped))
    await leave(leaves)
    await until(lambda: b'funclet_waiting{function="hello"} 1.0' in metrics(capped))
    await until(lambda: b"funclet_held_requests 1.0" in metrics(capped))
    starter.gate.set()
    gate.opened.set()
    assert (await exchange(capped.port, invoke_bytes(body=b"3"))).body == b"3"
    stays.close()


@LANES
async def test_who_leaves_while_its_call_runs_is_let_go_and_the_function_runs_on(
    capped: Gateway, starter: FakeStarter, gate: Gate, headers: dict[str, str]
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", capped.port)
    writer.write(invoke_bytes(headers=headers))
    await until(lambda: starter.supervisors and starter.supervisors["i0"].running)
    await leave(writer)
    await until(lambda: b"funclet_connections 0.0" in metrics(capped))
    assert starter.supervisors["i0"].running == 1
    gate.opened.set()
    await until(lambda: b'funclet_in_flight{function="hello"} 0.0' in metrics(capped))
    assert starter.stopped == []


@LANES
async def test_who_has_sent_far_ahead_and_leaves_is_noticed(
    capped: Gateway, starter: FakeStarter, gate: Gate, headers: dict[str, str]
) -> None:
    starter.gate = asyncio.Event()
    _, writer = await asyncio.open_connection("127.0.0.1", capped.port)
    writer.write(invoke_bytes(headers=headers) + invoke_bytes(body=b'"' + b"a" * 3_000_000 + b'"'))
    await until(lambda: b'funclet_waiting{function="hello"} 1.0' in metrics(capped))
    writer.transport.abort()
    await until(lambda: b"funclet_connections 0.0" in metrics(capped))
    await until(lambda: b'funclet_waiting{function="hello"} 0.0' in metrics(capped))
    starter.gate.set()
    gate.opened.set()


async def test_in_http_1_0_an_end_is_taken_for_leaving(
    capped: Gateway, starter: FakeStarter, gate: Gate
) -> None:
    starter.gate = asyncio.Event()
    _, writer = await asyncio.open_connection("127.0.0.1", capped.port)
    writer.write(request(b"Content-Length: 2", version=b"HTTP/1.0", body=b"{}"))
    await until(lambda: b'funclet_waiting{function="hello"} 1.0' in metrics(capped))
    writer.write_eof()
    await until(lambda: b"funclet_connections 0.0" in metrics(capped))
    await until(lambda: b'funclet_waiting{function="hello"} 0.0' in metrics(capped))
    writer.close()
    starter.gate.set()
    gate.opened.set()


async def test_an_idle_connection_ends_with_the_clients_half(gateway: Gateway) -> None:
    for data in (b"", invoke_bytes(), invoke_bytes(headers=TWICE)):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(data)
        if data:
            assert (await read_answer(reader)).status == 200
        writer.write_eof()
        assert await rest_of(reader) == []
        writer.close()


async def test_a_call_that_had_begun_before_its_client_left_in_init_runs_on(
    capped: Gateway, starter: FakeStarter, gate: Gate
) -> None:
    def not_yet(supervisor: FakeSupervisor) -> None:
        supervisor.ready = False

    starter.prepare = not_yet
    _, writer = await asyncio.open_connection("127.0.0.1", capped.port)
    writer.write(invoke_bytes())
    await until(lambda: starter.supervisors and starter.supervisors["i0"].running)
    await leave(writer)
    supervisor = starter.supervisors["i0"]
    await until(lambda: len(supervisor.fenced) == 1)
    assert b'funclet_in_flight{function="hello"} 1.0' in metrics(capped)
    gate.opened.set()
    await until(lambda: b'funclet_in_flight{function="hello"} 0.0' in metrics(capped))
    # What is through init is not asked: its function runs.
    gate.opened.clear()
    _, writer = await asyncio.open_connection("127.0.0.1", capped.port)
    writer.write(invoke_bytes())
    await until(lambda: supervisor.running)
    await leave(writer)
    await until(lambda: b"funclet_connections 0.0" in metrics(capped))
    gate.opened.set()
    await until(lambda: b'funclet_in_flight{function="hello"} 0.0' in metrics(capped))
    assert len(supervisor.fenced) == 1


@LANES
async def test_of_a_crowd_under_the_cap_those_who_leave_make_room_for_others(
    starter: FakeStarter, gate: Gate, headers: dict[str, str]
) -> None:
    starter.gate = asyncio.Event()
    async with serving(starter, route(reserved=60)) as gateway:
        stays = [asyncio.create_task(exchange(gateway.port, invoke_bytes(body=b"1"))) for _ in range(20)]
        await until(lambda: b"funclet_held_requests 20.0" in metrics(gateway))
        writers = []
        for _ in range(40):
            _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(invoke_bytes(body=b"2", headers=headers))
            writers.append(writer)
        await until(lambda: b"funclet_held_requests 60.0" in metrics(gateway))
        assert (await exchange(gateway.port, invoke_bytes())).status == 429
        for writer in writers:
            await leave(writer)
        await until(lambda: b"funclet_held_requests 20.0" in metrics(gateway))
        await until(lambda: b'funclet_waiting{function="hello"} 20.0' in metrics(gateway))
        more = [asyncio.create_task(exchange(gateway.port, invoke_bytes(body=b"3"))) for _ in range(40)]
        await until(lambda: b'funclet_waiting{function="hello"} 60.0' in metrics(gateway))
        starter.gate.set()
        gate.opened.set()
        answers = await asyncio.gather(*stays, *more)
        assert [each.body for each in answers] == [b"1"] * 20 + [b"3"] * 40
        for gauge in (
            b'in_flight{function="hello"}',
            b'waiting{function="hello"}',
            b"held_requests",
            b"held_bytes",
        ):
            assert b"funclet_%b 0.0" % gauge in metrics(gateway)
        await until(lambda: b"funclet_connections 0.0" in metrics(gateway))
        ran = [call.body for each in starter.supervisors.values() for call in each.calls]
        assert sorted(ran) == [b"1"] * 20 + [b"3"] * 40
