"""How a call is written to an instance, and connections that are gone as soon as they are there."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator

import pytest
from typing_extensions import override

from funclet.gateway.ports import Instance, TcpAddress
from funclet.gateway.upstream import Broken, Ending, Link, Undialled, _Connection
from support.gateway import FakeStarter, NotStarted, Received, Reply, exchange, invoke_bytes, revision, route
from support.gateway import serving as gateway_serving
from support.wire import Wire

HELLO = revision()
GREETING = f"FUNCLET/1 boot=0123456789abcdef revision={HELLO.key}\r\n".encode()


class CountingWire(Wire):
    """A transport that tells writes apart."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[int] = []

    @override
    def write(self, data: "bytes | bytearray | memoryview[int]") -> None:
        self.writes.append(len(data))
        super().write(data)

    @override
    def writelines(self, list_of_data: object) -> None:
        raise AssertionError("writelines sends without ever pausing")


@pytest.mark.parametrize(
    ("size", "writes"),
    [(0, [4]), (1, [5]), (64 * 1024, [4 + 64 * 1024]), (64 * 1024 + 1, [4, 64 * 1024 + 1])],
)
async def test_a_small_event_is_one_write_with_its_head(size: int, writes: list[int]) -> None:
    loop = asyncio.get_running_loop()
    instance = Instance("p", HELLO, TcpAddress("127.0.0.1", 1), loop.create_future())
    connection, wire = _Connection(Link(instance), loop), CountingWire()
    connection.connection_made(wire)
    connection.data_received(GREETING)
    assert connection.greeted.done()
    connection.call(b"HEAD", b"x" * size)
    assert wire.writes == writes
    assert wire.written == b"HEAD" + b"x" * size


async def test_a_greeting_that_comes_when_the_dial_was_given_up_changes_nothing() -> None:
    loop = asyncio.get_running_loop()
    instance = Instance("p", HELLO, TcpAddress("127.0.0.1", 1), loop.create_future())
    connection = _Connection(Link(instance), loop)
    connection.connection_made(Wire())
    connection.greeted.cancel()
    connection.data_received(GREETING)
    assert connection.greeted.cancelled()


@pytest.fixture
async def hasty_peer() -> AsyncIterator[TcpAddress]:
    """Whoever greets and is gone."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING)
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    yield TcpAddress(host, port)
    server.close()
    await server.wait_closed()


async def test_a_connection_that_is_gone_with_its_greeting_is_told_as_such(hasty_peer: TcpAddress) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(50):
        link = Link(Instance("p", HELLO, hasty_peer, loop.create_future()))
        over: asyncio.Future[Ending] = loop.create_future()
        link.send(
            b"POST /invoke HTTP/1.1\r\ncontent-length: 1\r\n\r\n", b"1", loop.time() + 5, over.set_result
        )
        async with asyncio.timeout(5):
            assert isinstance(await over, Undialled | Broken)
        link.close()


async def test_a_connection_that_was_lost_before_its_dialler_woke_is_undialled() -> None:
    loop = asyncio.get_running_loop()
    made: list[_Connection] = []

    async def dial(factory: object, *_: object) -> None:
        assert callable(factory)
        connection = factory()
        made.append(connection)
        connection.connection_made(Wire())
        connection.data_received(GREETING)
        connection.connection_lost(None)

    over: asyncio.Future[Ending] = loop.create_future()
    link = Link(Instance("p", HELLO, TcpAddress("127.0.0.1", 1), loop.create_future()))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(loop, "create_connection", dial)
        link.send(b"HEAD", b"1", loop.time() + 5, over.set_result)
        async with asyncio.timeout(5):
            assert isinstance(await over, Undialled)
    assert len(made) == 1


# -- an instance that runs another gateway's call


async def test_an_instance_that_is_busy_with_anothers_call_is_waited_for_and_not_ended() -> None:
    left = 3

    async def behave(call: Received) -> Reply | NotStarted:
        nonlocal left
        left -= 1
        return NotStarted("busy") if left >= 0 else Reply(call.body)

    starter = FakeStarter(behave)
    async with gateway_serving(starter, route(reserved=1)) as gateway:
        answer = await exchange(gateway.port, invoke_bytes(body=b"7"))
        assert (answer.status, answer.body) == (200, b"7")
        assert (len(starter.started), starter.stopped) == (1, [])


async def test_beside_an_instance_that_is_busy_with_anothers_call_another_is_started() -> None:
    occupied: list[str] = []

    async def behave(call: Received) -> Reply | NotStarted:
        if not occupied:
            occupied.append(call.supervisor.path)
        return NotStarted("busy") if call.supervisor.path == occupied[0] else Reply(call.body)

    starter = FakeStarter(behave)
    async with gateway_serving(starter, route()) as gateway:
        answers = [await exchange(gateway.port, invoke_bytes(body=b"%d" % number)) for number in range(5)]
        assert [each.body for each in answers] == [b"0", b"1", b"2", b"3", b"4"]
        assert (len(starter.started), starter.stopped) == (2, [])


async def test_an_instance_that_says_for_ever_that_it_is_busy_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("funclet.gateway.invoke._BACKSTOP", -22.5)
    first: list[str] = []

    async def behave(call: Received) -> Reply | NotStarted:
        if not first:
            first.append(call.supervisor.path)
        return NotStarted("busy") if call.supervisor.path == first[0] else Reply(call.body)

    starter = FakeStarter(behave)
    async with gateway_serving(starter, route(reserved=1)) as gateway:
        answer = await exchange(gateway.port, invoke_bytes(body=b"7"))
        assert (answer.status, answer.body) == (200, b"7")
        assert len(starter.stopped) == 1
