"""Whoever is at a gateway's address: without the key it learns nothing, with it it is not believed everything."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from funclet.gateway.home.messages import PATH, PROVE, proof
from funclet.gateway.home.messages import answer as answer_headers
from funclet.gateway.ports import InvokeResult
from support.relaying import KEY, Node, call, calls_at


@dataclass
class Impostor:
    """A server at a gateway's address; it proves itself only with the gateways' key."""

    key: bytes = b"a guess"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"secret"
    came: list[str] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.came.append(request.path)
        body = await request.read()
        if request.path == PROVE:
            nonce = {b"x-funclet-nonce": request.headers["x-funclet-nonce"].encode()}
            return web.Response(headers=proof(nonce, "b", self.key))
        self.events.append(body)
        return web.Response(status=self.status, headers=self.headers, body=self.body)


@contextlib.asynccontextmanager
async def in_place_of_b(a: Node, impostor: Impostor) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", impostor.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    a.homes.update({"b": f"127.0.0.1:{runner.addresses[0][1]}"})
    try:
        yield
    finally:
        await runner.cleanup()


async def test_who_has_a_gateways_address_and_not_its_key_learns_nothing_of_a_call(pair: list[Node]) -> None:
    a, _ = pair
    impostor = Impostor(headers={"x-funclet-relay-result": "{}"})
    async with in_place_of_b(a, impostor):
        answer = await call(a, b'"the event"')
    assert (answer.status, answer.body) == (200, b'"the event"')
    assert len(calls_at(a)) == 1
    assert (impostor.came, impostor.events) == ([PROVE], [])


async def test_a_gateway_proves_itself_once_on_each_connection(pair: list[Node]) -> None:
    a, _ = pair
    impostor = Impostor(KEY, headers=answer_headers(InvokeResult(b""))[0], body=b"1")
    async with in_place_of_b(a, impostor):
        assert [(await call(a)).body for _ in range(3)] == [b"1"] * 3
    assert impostor.came == [PROVE, PATH, PATH, PATH]


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, {}),
        (200, {"x-funclet-relay-result": "[]"}),
        (500, {}),
        (307, {"location": "/elsewhere"}),
        (404, {}),
        (413, {}),
    ],
)
async def test_an_answer_that_is_none_of_a_gateway_is_not_passed_on(
    pair: list[Node], status: int, headers: dict[str, str]
) -> None:
    impostor = Impostor(KEY, status, headers)
    async with in_place_of_b(pair[0], impostor):
        got = await call(pair[0])
    assert got.status == 500
    assert b"secret" not in got.body
    assert impostor.came == [PROVE, PATH]


async def test_an_answer_that_is_too_long_is_not_read_to_its_end(pair: list[Node]) -> None:
    impostor = Impostor(KEY, headers={"x-funclet-relay-result": "{}"}, body=b"a" * (8 * 1024 * 1024))
    async with in_place_of_b(pair[0], impostor):
        assert (await call(pair[0])).status == 500
