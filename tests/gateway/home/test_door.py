"""What the door takes in: calls that a gateway signed for this one, once."""

import asyncio
import io
import socket
import time

import aiohttp
import pytest

from funclet.gateway.home.messages import PATH, outgoing, question
from funclet.gateway.ports import InvokeRequest
from funclet.lambda_api.invoke import REQUEST_LIMIT
from funclet.plan.routes import Target
from support.gateway import (
    read_answer,
    revision,
    route,
    until,
)
from support.relaying import AT_B, KEY, Node, call, calls_at


def request_for(name: str, body: bytes = b"{}") -> InvokeRequest:
    target = Target(route(name), revision(name), "$LATEST", "arn:x")
    return InvokeRequest(target=target, request_id="r-1", body=body)


async def knock(node: Node, headers: dict[str, str], body: bytes = b"{}") -> tuple[int, str | None]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://{node.internal}{PATH}", data=io.BytesIO(body), headers=headers) as response,
    ):
        return response.status, response.headers.get("x-funclet-not-started")


async def test_a_relayed_call_is_never_relayed_again(pair: list[Node]) -> None:
    a, b = pair
    headers = outgoing(request_for(AT_B), "a", KEY, time.time())
    assert await knock(a, headers) == (503, "not-home")
    assert calls_at(a) == calls_at(b) == []


async def test_a_call_that_was_relayed_once_cannot_be_replayed(pair: list[Node]) -> None:
    b = pair[1]
    headers = outgoing(request_for(AT_B), "b", KEY, time.time())
    assert await knock(b, headers) == (200, None)
    assert await knock(b, headers) == (401, None)
    assert len(calls_at(b)) == 1


@pytest.mark.parametrize(
    ("home", "key", "seconds", "body"),
    [
        ("b", b"forged", 0, b"{}"),
        ("b", KEY, -120, b"{}"),
        ("b", KEY, 120, b"{}"),
        ("a", KEY, 0, b"{}"),
        ("b", KEY, 0, b'{"changed": 1}'),
    ],
)
async def test_a_call_that_no_gateway_signed_for_this_one_now_is_refused(
    pair: list[Node], home: str, key: bytes, seconds: float, body: bytes
) -> None:
    b = pair[1]
    headers = outgoing(request_for(AT_B), home, key, time.time() + seconds)
    assert await knock(b, headers, body) == (401, None)
    assert b.starter.started == []


async def test_nothing_is_kept_of_a_body_that_nobody_signed_for(pair: list[Node]) -> None:
    b = pair[1]
    host, port = b.internal.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /relay HTTP/1.1\r\nhost: x\r\ncontent-length: 6000000\r\n\r\n" + bytes(5_000_000))
    await writer.drain()
    (lane,) = b.lanes
    await until(lambda: lane._left == 1_000_000)
    assert (b.gateway.admission.requests, b.gateway.admission.bytes, len(lane._buffer)) == (0, 0, 0)
    writer.write(bytes(1_000_000))
    assert (await read_answer(reader)).status == 401
    writer.close()


async def test_what_strangers_leave_unread_costs_callers_no_room(pair: list[Node]) -> None:
    b = pair[1]
    host, port = b.internal.split(":")
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stranger.setblocking(False)
        await asyncio.get_running_loop().sock_connect(stranger, (host, int(port)))
        asked = b"".join(question(b.internal, "0" * 32))
        sending = asyncio.create_task(asyncio.get_running_loop().sock_sendall(stranger, asked * 50_000))
        await until(lambda: b.unread_by_strangers > 0)
        assert b.gateway.admission.bytes == 0
        sending.cancel()
        await asyncio.wait([sending])


async def test_a_body_over_the_limit_is_refused(pair: list[Node]) -> None:
    body = b"a" * (REQUEST_LIMIT + 1)
    headers = outgoing(request_for(AT_B, body), "b", KEY, time.time())
    assert await knock(pair[1], headers, body) == (413, None)
    assert pair[1].starter.started == []


@pytest.mark.parametrize("calls_before", [0, 1])
async def test_a_gateway_that_goes_down_takes_nothing_in_and_is_passed_over(
    pair: list[Node], calls_before: int
) -> None:
    a, b = pair
    for _ in range(calls_before):
        await call(a)
    b.gateway.admission.closing = True
    assert (await call(a)).status == 200
    assert (len(calls_at(a)), len(calls_at(b))) == (1, calls_before)
    assert a.homes.passed_over == ["b"]
