"""Clients that are slow, silent, many or gone: deadlines and caps of the public listener."""

import asyncio
from dataclasses import replace

import pytest

from funclet.gateway.gateway import Gateway
from support.gateway import (
    LIMITS,
    PATH,
    FakeStarter,
    Received,
    Reply,
    exchange,
    invoke_bytes,
    is_closed,
    metrics,
    read_answer,
    request,
    until,
)

LIMIT = 6 * 1024 * 1024
CL = b"Content-Length: 2"
CHUNKED = b"Transfer-Encoding: chunked"


@pytest.fixture
def gateway(hasty: Gateway) -> Gateway:
    """A gateway with short deadlines."""
    return hasty


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param((), id="silent"),
        pytest.param((b"POST /2015-03-31/fun",), id="half a request line"),
        pytest.param((b"POST " + PATH + b" HTTP/1.1\r\nHost: local",), id="half a header"),
        pytest.param((b"GET / HTTP/1.1\r\nHost: local",), id="half a header of another operation"),
        pytest.param((request(b"Content-Length: 10", body=b"{"),), id="half a body"),
        pytest.param((request(CHUNKED, body=b"10\r\n{"),), id="half a chunk"),
        pytest.param((request(CL, b"Expect: 100-continue"),), id="silence after 100"),
    ],
)
async def test_who_does_not_go_on_sending_is_closed_in_time(
    gateway: Gateway, starter: FakeStarter, pieces: tuple[bytes, ...]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    for piece in pieces:
        writer.write(piece)
    async with asyncio.timeout(4.0):
        got = await reader.read()
    writer.close()
    assert got.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")[:12] in {b"", b"HTTP/1.1 408"}
    assert starter.started == []


async def test_a_body_that_drips_is_closed_at_the_deadline_of_the_whole_request(gateway: Gateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(request(b"Content-Length: 1000"))
    answer = asyncio.create_task(read_answer(reader))
    async with asyncio.timeout(5.0):
        while not answer.done():
            writer.write(b" ")
            await asyncio.wait([answer], timeout=0.05)
    writer.close()
    assert answer.result().status == 408


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(request(b"X-A: " + b"a" * 1000), id="fast lane"),
        pytest.param(b"GET /" + b"a" * 1000 + b" HTTP/1.1\r\n\r\n", id="aiohttp"),
    ],
)
async def test_a_head_that_drips_is_closed_at_its_deadline(gateway: Gateway, head: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    closed = asyncio.create_task(reader.read())
    async with asyncio.timeout(5.0):
        for byte in head:
            writer.write(bytes([byte]))
            await asyncio.wait([closed], timeout=0.02)
            if closed.done():
                break
    writer.close()
    assert closed.result()[:12] in {b"", b"HTTP/1.1 408"}


async def test_an_idle_connection_is_closed_after_its_time(gateway: Gateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(invoke_bytes())
    assert (await read_answer(reader)).status == 200
    assert await is_closed(reader)
    writer.close()


async def test_a_new_connection_takes_the_place_of_the_longest_idle_one(gateway: Gateway) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", gateway.port) for _ in range(60)]
    assert (await exchange(gateway.port, invoke_bytes())).status == 200
    assert await is_closed(idle[0][0])
    for _, writer in idle:
        writer.close()


async def test_more_requests_than_may_be_held_are_throttled(gateway: Gateway, starter: FakeStarter) -> None:
    gate = asyncio.Event()

    async def hold(call: Received) -> Reply:
        await gate.wait()
        return Reply(call.body)

    starter.behaviour = hold
    calls = [asyncio.create_task(exchange(gateway.port, invoke_bytes())) for _ in range(20)]
    await until(lambda: b"funclet_held_requests 20.0" in metrics(gateway))
    refused = await exchange(gateway.port, invoke_bytes())
    gate.set()
    assert [(await call).status for call in calls] == [200] * 20
    assert (refused.status, refused.json()["Reason"]) == (429, "ConcurrentInvocationLimitExceeded")
    await until(lambda: b"funclet_held_requests 0.0" in metrics(gateway))


async def test_bodies_beyond_what_may_be_held_are_throttled_as_they_come(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.admission, "limits", replace(LIMITS, held_bytes=1000))
    body = b'"' + b"a" * 2000 + b'"'
    for data in (invoke_bytes(body=body), invoke_bytes(body=body, headers={"X-A": "a", "x-a": "b"})):
        answer = await exchange(gateway.port, data)
        assert (answer.status, answer.json()["Reason"]) == (429, "ConcurrentInvocationLimitExceeded")
    announced = await asyncio.open_connection("127.0.0.1", gateway.port)
    announced[1].write(request(b"Content-Length: 100000"))
    assert (await exchange(gateway.port, invoke_bytes())).status == 200
    announced[1].close()


async def test_a_client_that_does_not_read_its_answer_is_cut_off(
    gateway: Gateway, starter: FakeStarter
) -> None:
    async def large(_: Received) -> Reply:
        return Reply(b'"' + b"a" * LIMIT + b'"')

    starter.behaviour = large
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=1024)
    writer.write(invoke_bytes())
    await reader.readexactly(10)
    connections = b"funclet_connections 0.0"
    await until(lambda: connections in metrics(gateway))
    writer.close()


@pytest.mark.parametrize("cut", [10, 60, 110])
async def test_a_client_that_vanishes_mid_request_leaves_nothing_behind(gateway: Gateway, cut: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(invoke_bytes(body=b"1" * 50)[:cut])
    await until(lambda: b"funclet_connections 1.0" in metrics(gateway))
    writer.close()
    await until(lambda: b"funclet_connections 0.0" in metrics(gateway))
    assert b"funclet_held_requests 0.0" in metrics(gateway)
    assert b"funclet_held_bytes 0.0" in metrics(gateway)
