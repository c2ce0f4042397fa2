"""Connections to other gateways: proved before they are used, kept for a while, and never used again once in doubt."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator

import pytest

from funclet.gateway.home import peers
from funclet.gateway.home.messages import head_of, proof
from funclet.gateway.home.peers import BrokenOffError, Peers, UnprovedError, UnreachedError
from support.gateway import until

KEY = b"the relay key of all gateways"
HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
_NONCE = re.compile(rb"x-funclet-nonce: (\S+)")


class Gateway:
    """Proves itself as b, and then answers each request as it is told."""

    def __init__(self) -> None:
        self.answer: bytes | None = HELLO
        #: written without having been asked for
        self.surplus = b""
        self.key = KEY
        #: the proof is the last answer on its connection
        self.proves_and_ends = False
        self.is_silent = False
        self.connections = 0
        self.ended = 0
        self.address = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                asked = _NONCE.search(head)
                if self.is_silent:
                    continue
                if asked is not None:
                    ((name, value),) = proof({b"x-funclet-nonce": asked[1]}, "b", self.key).items()
                    end = "connection: close\r\n" if self.proves_and_ends else ""
                    proved = f"HTTP/1.1 200 OK\r\n{name}: {value}\r\n{end}content-length: 0\r\n\r\n"
                    writer.write(proved.encode())
                elif self.answer is None:
                    break
                else:
                    writer.write(self.answer)
                    if self.surplus:
                        await asyncio.sleep(0)
                        writer.write(self.surplus)
        self.ended += 1
        writer.close()


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """A gateway, b."""
    made = Gateway()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    made.address = f"{host}:{port}"
    yield made
    server.close()
    await until(lambda: made.ended == made.connections)


@pytest.fixture
async def known(gateway: Gateway) -> AsyncIterator[Peers]:  # noqa: ARG001 - goes before the gateway does
    """What is tested."""
    made = Peers(KEY)
    yield made
    made.close()


async def ask(known: Peers, gateway: Gateway, name: str = "b") -> bytes:
    head = head_of("/relay", gateway.address, {})
    return (await known.ask(name, gateway.address, head, b"")).body


async def test_a_connection_is_used_again(known: Peers, gateway: Gateway) -> None:
    assert [await ask(known, gateway) for _ in range(3)] == [b"hello"] * 3
    assert gateway.connections == 1


async def test_requests_at_once_have_connections_of_their_own(known: Peers, gateway: Gateway) -> None:
    assert await asyncio.gather(*(ask(known, gateway) for _ in range(3))) == [b"hello"] * 3
    assert gateway.connections == 3


async def test_a_gateway_is_asked_by_its_own_name(known: Peers, gateway: Gateway) -> None:
    await ask(known, gateway)
    with pytest.raises(UnprovedError):
        await ask(known, gateway, "c")


async def test_another_key_proves_nothing(known: Peers, gateway: Gateway) -> None:
    gateway.key = b"a guess"
    with pytest.raises(UnprovedError):
        await ask(known, gateway)


async def test_on_a_connection_that_ends_with_the_proof_nothing_was_sent(
    known: Peers, gateway: Gateway
) -> None:
    gateway.proves_and_ends = True
    with pytest.raises(UnreachedError):
        await ask(known, gateway)


async def test_who_is_dialled_and_says_nothing_is_waited_for_once(
    known: Peers, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "PROOF", 0.05)
    gateway.is_silent = True
    with pytest.raises(UnreachedError):
        await ask(known, gateway)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:99999", "127.0.0.1:", "[::1]:1"])
async def test_where_nobody_listens_nothing_was_sent(known: Peers, gateway: Gateway, address: str) -> None:
    gateway.address = address
    with pytest.raises(UnreachedError):
        await ask(known, gateway)


@pytest.mark.parametrize(
    "answer", [None, b"HTTP/1.1 what\r\n\r\n", b"\0", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000]
)
async def test_a_connection_that_gives_no_answer_is_told_and_not_used_again(
    known: Peers, gateway: Gateway, answer: bytes | None
) -> None:
    gateway.answer = answer
    with pytest.raises(BrokenOffError):
        await ask(known, gateway)
    gateway.answer = HELLO
    assert await ask(known, gateway) == b"hello"
    assert gateway.connections == 2


async def test_an_answer_that_ends_its_connection_is_the_last_on_it(known: Peers, gateway: Gateway) -> None:
    gateway.answer = HELLO.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    assert [await ask(known, gateway) for _ in range(2)] == [b"hello"] * 2
    assert gateway.connections == 2


async def test_bytes_that_nobody_asked_for_become_no_answer(known: Peers, gateway: Gateway) -> None:
    gateway.surplus = HELLO.replace(b"hello", b"wrong")
    assert await ask(known, gateway) == b"hello"
    await until(lambda: gateway.ended == 1)
    gateway.surplus = b""
    assert await ask(known, gateway) == b"hello"
    assert gateway.connections == 2


async def test_who_gives_up_waiting_ends_the_connection(known: Peers, gateway: Gateway) -> None:
    gateway.answer = b"HTTP/1.1 200 OK\r\n"
    waiting = asyncio.create_task(ask(known, gateway))
    await until(lambda: gateway.connections == 1)
    await asyncio.sleep(0.05)
    waiting.cancel()
    await until(lambda: gateway.ended == 1)


async def test_what_is_not_used_is_closed(
    known: Peers, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "IDLE", 0.05)
    await ask(known, gateway)
    await until(lambda: gateway.ended == 1)
    assert known._idle == {}


async def test_what_is_used_is_kept(known: Peers, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    await ask(known, gateway)
    monkeypatch.setattr(peers, "IDLE", 60.0)
    known._sweep()
    await ask(known, gateway)
    assert gateway.connections == 1
