"""Kept-alive connections to the other gateways, each of which proves itself before it is sent a call.

An address may be another's by now: of a gateway that died while its Lease still runs, a pod of a function may have it.
"""

import asyncio
import secrets
from typing import cast

from typing_extensions import override

from funclet.gateway.home import messages
from funclet.gateway.http_answer import Answered, AnswerReader, NoAnswerError, OversizedError
from funclet.gateway.tcp import notice_a_dead_node, send

#: seconds for which an unused connection is kept, well before the other end closes it (75 s)
IDLE = 15.0
#: seconds for one dial
DIAL = 1.0
#: seconds in which who was dialled proves to be it: a gateway that is busy may be slow, and is not dead for it
PROOF = 5.0
_OK = 200


class UnreachedError(Exception):
    """The gateway could not be dialled; the call was not sent."""


class UnprovedError(UnreachedError):
    """Whoever is at the address did not prove to be the gateway that is meant."""


class BrokenOffError(Exception):
    """The connection broke, or what came is no answer, once the call was sent: it may have run."""


class Peers:
    """The connections of one gateway to the others, `key` is the one that they share."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._idle: dict[tuple[str, str], list[_Connection]] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    async def ask(self, gateway: str, address: str, head: bytes, body: bytes) -> Answered:
        """Send a request to a gateway at HOST:PORT and return its answer. Raises UnreachedError, BrokenOffError.

        Who gives up waiting ends the connection, by which the other gateway is told.
        """
        connection = self._take(gateway, address) or await self._dial(gateway, address)
        try:
            answer = await connection.ask(head, body)
        except BaseException:
            connection.abort()
            raise
        if connection.is_open:
            connection.used = asyncio.get_running_loop().time()
            self._idle.setdefault((gateway, address), []).append(connection)
            self._keep_swept()
        return answer

    def close(self) -> None:
        """Close what is idle."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        for idle in self._idle.values():
            for connection in idle:
                connection.abort()
        self._idle.clear()

    def _take(self, gateway: str, address: str) -> "_Connection | None":
        idle = self._idle.get((gateway, address), [])
        while idle:
            connection = idle.pop()
            if connection.is_open:
                return connection
        return None

    async def _dial(self, gateway: str, address: str) -> "_Connection":
        host, _, port = address.rpartition(":")
        loop = asyncio.get_running_loop()
        connection = _Connection(loop)
        nonce = secrets.token_hex(16)
        try:
            async with asyncio.timeout(DIAL):
                await loop.create_connection(lambda: connection, host.strip("[]"), int(port))
            async with asyncio.timeout(PROOF):
                proof = await connection.ask(*messages.question(address, nonce))
        except (OSError, OverflowError, ValueError, BrokenOffError) as error:
            connection.abort()
            raise UnreachedError(f"no gateway answers at {address}") from error
        except BaseException:
            connection.abort()
            raise
        if proof.status != _OK or not messages.is_proof(self._key, gateway, nonce, proof.headers):
            connection.abort()
            raise UnprovedError(f"another is at {address}")
        if not connection.is_open:
            raise UnreachedError(f"the connection to {address} ended with the proof")
        return connection

    def _keep_swept(self) -> None:
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(IDLE, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = None
        now = asyncio.get_running_loop().time()
        for where, idle in list(self._idle.items()):
            for connection in idle:
                if now - connection.used >= IDLE:
                    connection.abort()
            idle[:] = [each for each in idle if each.is_open]
            if not idle:
                del self._idle[where]
        if self._idle:
            self._keep_swept()


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._reader = AnswerReader()
        self._asked: asyncio.Future[Answered] | None = None
        #: when it was last of use
        self.used = 0.0

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, head: bytes, body: bytes) -> Answered:
        """Raises BrokenOffError."""
        if self._transport is None:
            raise BrokenOffError("the connection ended")
        self._asked = self._loop.create_future()
        self._reader.expect()
        send(self._transport, head, body)
        return await self._asked

    def abort(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        notice_a_dead_node(transport)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._break(str(exc or "the connection ended"))

    @override
    def data_received(self, data: bytes) -> None:
        asked = self._asked
        if asked is None:
            # Nobody asked: whatever this is, it must not become the answer to the next call.
            self.abort()
            return
        try:
            answer = self._reader.feed(data)
        except (NoAnswerError, OversizedError) as error:
            self.abort()
            self._break(str(error))
            return
        if answer is None:
            return
        self._asked = None
        if not self._reader.may_go_on:
            self.abort()
        if not asked.done():
            asked.set_result(answer)

    def _break(self, why: str) -> None:
        asked, self._asked = self._asked, None
        if asked is not None and not asked.done():
            asked.set_exception(BrokenOffError(why))
