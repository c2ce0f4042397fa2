"""One kept-alive connection to one instance's supervisor, and one call at a time on it.

What comes from there is hostile: it is capped in bytes and time.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from typing_extensions import override

from funclet.gateway.greeting import LONGEST, PATIENCE, Greeting, parse_greeting
from funclet.gateway.http_answer import Answered, AnswerReader, NoAnswerError, OversizedError
from funclet.gateway.ports import Instance, UnixAddress
from funclet.gateway.proof import Proof, ProofError, Trust, proof_for
from funclet.gateway.tcp import notice_a_dead_node, send

#: seconds after which an unused connection is closed, well before the supervisor would (75 s)
IDLE = 15.0
_PROOF_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Undialled:
    """The dial failed, or the connection ended before or during the greeting."""

    why: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The connection broke while the call was out; `boot` is None once any byte of an answer had come."""

    boot: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Oversized:
    """The answer is larger than any may be."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """No whole answer by the deadline."""


Ending = Answered | Undialled | Broken | Oversized | Overdue


class Link:
    """The way to one instance: dials when needed, keeps the connection, tells how each call ended.

    `send` takes one call at a time; its callback runs exactly once, never from within `send`.
    """

    __slots__ = ("_body", "_connection", "_deadline", "_dialling", "_head", "_on_end", "instance", "trust")

    def __init__(self, instance: Instance, trust: Trust = None) -> None:
        """`trust`: what each connection proves, both ways, before a call is sent."""
        self.instance = instance
        self.trust = trust
        self._connection: _Connection | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._on_end: Callable[[Ending], None] | None = None
        self._head = b""
        self._body = b""
        self._deadline = 0.0

    def send(self, head: bytes, body: bytes, deadline: float, on_end: Callable[[Ending], None]) -> None:
        """Send a call; `deadline` is the loop's time by which it is over."""
        if self._on_end is not None:
            raise RuntimeError("a call is out on this connection")
        self._on_end, self._deadline = on_end, deadline
        connection = self._connection
        if connection is not None:
            connection.call(head, body)
            return
        self._head, self._body = head, body
        self._dialling = asyncio.get_running_loop().create_task(self._dial())

    def sweep(self, now: float) -> None:
        """End a call that is overdue, close a connection that is idle."""
        connection = self._connection
        if self._on_end is not None:
            if now >= self._deadline:
                self.end(Overdue())
        elif connection is not None and now - connection.used >= IDLE:
            self.close()

    def end(self, ending: Ending) -> None:
        """Tell the call how it ended; anything but an answer costs the connection."""
        on_end, self._on_end = self._on_end, None
        self._head = self._body = b""
        if not isinstance(ending, Answered):
            self.close()
        if on_end is not None:
            on_end(ending)

    def close(self) -> None:
        """Let go of the connection; a call that is out runs on in the instance and its answer is dropped."""
        if self._dialling is not None:
            self._dialling.cancel()
            self._dialling = None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.drop()

    def lost(self, connection: "_Connection", ending: Ending) -> None:
        """Take note of a connection that is gone by itself."""
        if self._connection is connection:
            self._connection = None
            self.end(ending)

    async def _dial(self) -> None:
        loop = asyncio.get_running_loop()
        connection = _Connection(self, loop)
        address = self.instance.address
        try:
            async with asyncio.timeout(PATIENCE):
                if isinstance(address, UnixAddress):
                    await loop.create_unix_connection(lambda: connection, address.path)
                else:
                    await loop.create_connection(lambda: connection, address.host, address.port)
                await connection.greeted
        except OSError as error:
            connection.drop()
            self._dialling = None
            self.end(Undialled(str(error) or "no greeting in time"))
        except asyncio.CancelledError:
            connection.drop()
            raise
        else:
            self._dialling = None
            if connection.is_gone:
                self.end(Undialled("the connection ended"))
                return
            self._connection = connection
            connection.call(self._head, self._body)
            self._head = self._body = b""


class _Connection(asyncio.Protocol):
    """The bytes of a Link: greeting first, then one answer at a time."""

    def __init__(self, link: Link, loop: asyncio.AbstractEventLoop) -> None:
        self._link = link
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        #: done once a call may be sent: greeted, and proved where that is asked for
        self.greeted: asyncio.Future[None] = loop.create_future()
        self._proof: Proof | None = None
        self._proving = b""
        self._boot: str | None = None
        self._greeting = b""
        #: when it last was of use
        self.used = loop.time()
        self._reader = AnswerReader()
        self._calling = False
        self._answering = False

    @property
    def is_gone(self) -> bool:
        return self._transport is None

    def call(self, head: bytes, body: bytes) -> None:
        transport = cast("asyncio.Transport", self._transport)
        self._calling = True
        self._answering = False
        self._reader.expect()
        send(transport, head, body)

    def drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        if not self.greeted.done():
            self.greeted.cancel()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        notice_a_dead_node(transport)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        why = str(exc or "the connection ended")
        if not self.greeted.done():
            self.greeted.set_exception(ConnectionError(why))
        if self._transport is not None:
            self._transport = None
            self._link.lost(self, Broken(None if self._answering else self._boot, why))

    @override
    def data_received(self, data: bytes) -> None:
        if self._boot is None:
            self._greet(data)
        elif self._proof is not None:
            self._prove(self._proof, data)
        elif not self._calling:
            # Nobody asked: whatever this is, it must not become the answer to the next call.
            self._fail("bytes that nobody asked for")
        else:
            self._answering = True
            self._feed(data)

    def _greet(self, data: bytes) -> None:
        self._greeting += data
        line, end, rest = self._greeting.partition(b"\r\n")
        if not end and len(line) <= LONGEST:
            return
        greeting = parse_greeting(line) if end else None
        if greeting is None or rest:
            self._refuse("not the greeting of a supervisor")
        elif greeting.revision != self._link.instance.revision.key:
            self._refuse(f"runs revision {greeting.revision}")
        else:
            self._begin(greeting)

    def _begin(self, greeting: Greeting) -> None:
        try:
            self._proof = proof_for(greeting, self._link.trust)
        except ProofError as error:
            self._refuse(str(error))
            return
        self._boot = greeting.boot
        if self.greeted.done():
            return
        if self._proof is None:
            self.greeted.set_result(None)
        elif self._transport is not None:
            self._transport.write(self._proof.request)

    def _prove(self, proof: Proof, data: bytes) -> None:
        self._proving += data
        head, end, rest = self._proving.partition(b"\r\n\r\n")
        if len(head) > _PROOF_LIMIT:
            self._refuse("the proof is too long")
            return
        if not end:
            return
        try:
            proof.check(head)
        except ProofError as error:
            self._refuse(str(error))
            return
        if rest:
            self._refuse("bytes that nobody asked for")
        elif not self.greeted.done():
            self._proof = None
            self.greeted.set_result(None)

    def _refuse(self, why: str) -> None:
        if not self.greeted.done():
            self.greeted.set_exception(ConnectionError(why))

    def _feed(self, data: bytes) -> None:
        try:
            answer = self._reader.feed(data)
        except NoAnswerError as error:
            self._fail(str(error))
        except OversizedError:
            self._link.end(Oversized())
        else:
            if answer is not None:
                self._finish(answer)

    def _finish(self, answer: Answered) -> None:
        self._calling = False
        self.used = self._loop.time()
        if not self._reader.may_go_on:
            self._link.close()
        self._link.end(answer)

    def _fail(self, why: str) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        self._link.lost(self, Broken(None if self._answering else self._boot, why))
