"""The port that gateways dial: the greeting, /invoke, /fence, /ready, /retire (contract 1)."""

from __future__ import annotations

from binascii import b2a_base64

from funclet.supervisor.invocation import Call, Result
from funclet.supervisor.outcome import JSON
from funclet.supervisor.stream import Stream
from funclet.supervisor.wire import CHUNKED, Head, Reader, WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable
    from typing import Protocol

    from funclet.supervisor.loop import Loop
    from funclet.supervisor.prove import Proof, Trust

    class Host(Protocol):
        """The instance behind the port."""

        boot: str
        revision: bytes

        @property
        def ready(self) -> bool:
            """Whether the runtime has asked for its first event."""

        @property
        def init_error(self) -> bytes | None:
            """Lambda's payload, once it is known that it will not."""

        def admit(self, revision: bytes, token: bytes) -> str | None:
            """Why a call is not started; None reserves the instance for it."""

        def submit(self, call: Call) -> None:
            """Run a call that was admitted."""

        def withdraw(self, token: bytes) -> None:
            """Give the reservation back: the event never came."""

        def fence(self, token: bytes) -> str:
            """Started or refused."""

        def retire(self) -> None:
            """Refuse new work."""


CONNECTION_LIMIT = 128
HEAD_LIMIT = 64 * 1024
EVENT_LIMIT = 6 * 1024 * 1024 + 64 * 1024
_SMALL_BODY_LIMIT = 4096
_PENDING_LIMIT = 64 * 1024
_TOKEN_LENGTH = 32
_REQUEST_ID_LIMIT = 128
#: how long a connection may be silent: between requests, in a head, in a body, not taking an answer
_IDLE, _HEAD_TIME, _BODY_TIME, _SEND_TIME = 75.0, 15.0, 30.0, 30.0
#: how long a gateway may take to prove itself
_PROOF_TIME = 5.0
_SWEEP = 5.0

_UNAVAILABLE = b"503 Service Unavailable"
_HEX = b"0123456789abcdefABCDEF"
_ID_BYTES = b"-_.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def format_result(result: Result) -> bytes:
    """Return the answer to /invoke."""
    outcome = result.outcome
    init = b"" if result.init_us is None else b"x-funclet-init-us: %d\r\n" % result.init_us
    tail = (
        b""
        if result.log_tail is None
        else b"x-funclet-log-tail: %b\r\n" % b2a_base64(result.log_tail, newline=False)
    )
    return (
        b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\ncontent-type: %b\r\nx-funclet-outcome: %b\r\n"
        b"x-funclet-duration-us: %d\r\nx-funclet-billed-ms: %d\r\n%bx-funclet-memory-mb: %d\r\n%b\r\n%b"
        % (
            len(outcome.body),
            outcome.content_type,
            outcome.kind.encode(),
            result.duration_us,
            result.billed_ms,
            init,
            result.memory_mb,
            tail,
            outcome.body,
        )
    )


def _not_started(reason: str) -> bytes:
    head = b"HTTP/1.1 %b\r\nx-funclet-not-started: %b\r\ncontent-length: 0\r\n\r\n"
    return head % (_UNAVAILABLE, reason.encode())


def _readiness(*, ready: bool, init_error: bytes | None) -> bytes:
    if init_error is None:
        return b"HTTP/1.1 %b\r\ncontent-length: 0\r\n\r\n" % (b"200 OK" if ready else _UNAVAILABLE)
    return (
        b"HTTP/1.1 %b\r\ncontent-length: %d\r\ncontent-type: %b\r\nx-funclet-outcome: init-error\r\n\r\n%b"
        % (_UNAVAILABLE, len(init_error), JSON, init_error)
    )


def _greeting(host: Host, proof: Proof | None) -> bytes:
    number, words = (b"1", b"") if proof is None else (b"2", proof.words)
    return b"FUNCLET/%b boot=%b revision=%b%b\r\n" % (number, host.boot.encode(), host.revision, words)


class GatewayServer:
    """All connections of gateways to this instance; with `trust` each must first prove itself."""

    def __init__(self, loop: Loop, host: Host, trust: Trust | None = None) -> None:
        self._loop = loop
        self._host = host
        self._trust = trust
        #: set by whoever wires this: a gateway has proved itself
        self.on_proof: Callable[[], None] = lambda: None
        self._connections: set[GatewayConnection] = set()
        loop.call_later(_SWEEP, self._sweep)

    @property
    def sending(self) -> bool:
        """Whether an answer is still on its way."""
        return any(connection.sending for connection in self._connections)

    def accepted(self, sock: socket) -> None:
        """Greet a gateway."""
        if len(self._connections) >= CONNECTION_LIMIT:
            sock.close()
            return
        proof = None if self._trust is None else self._trust.demand()
        connection = GatewayConnection(self._loop, sock, self, self._host, proof)
        self._connections.add(connection)
        connection.send(_greeting(self._host, proof))

    def forget(self, connection: GatewayConnection) -> None:
        """Take note that a connection is gone."""
        self._connections.discard(connection)

    def abandon(self, token: bytes) -> None:
        """Close the connection on which this call's event is still on its way."""
        for connection in list(self._connections):
            if connection.receives(token):
                connection.close()

    def _sweep(self) -> None:
        for connection in list(self._connections):
            if connection.overdue(self._loop.now):
                connection.close()
        self._loop.call_later(_SWEEP, self._sweep)


class GatewayConnection(Stream):
    """One connection of a gateway; one request at a time."""

    def __init__(
        self, loop: Loop, sock: socket, server: GatewayServer, host: Host, proof: Proof | None
    ) -> None:
        super().__init__(loop, sock)
        self._server = server
        self._host = host
        #: what the gateway still has to prove
        self._proof = proof
        self._since = loop.now
        self._reader = Reader(HEAD_LIMIT)
        #: the request whose body is on its way
        self._head: Head | None = None
        #: the call whose event is on its way, or which runs
        self._call: Call | None = None
        self._running = False
        self._keep_alive = True

    def received(self, data: bytes) -> None:
        """Take what came in."""
        try:
            self._reader.feed(data)
            self._advance()
        except WireError as error:
            self._give_back()
            self._refuse(error.status, str(error))

    def closed(self) -> None:
        """Take note that the gateway is gone: what runs runs on, and its answer is dropped."""
        self._server.forget(self)
        self._give_back()

    def receives(self, token: bytes) -> bool:
        """Whether this call's event is still on its way here."""
        return self._call is not None and not self._running and self._call.token == token

    def overdue(self, now: float) -> bool:
        """Whether the gateway has been silent for longer than it may."""
        if self._proof is not None:
            return now - self._since > _PROOF_TIME
        silent = now - self.active_at
        if self.sending:
            return silent > _SEND_TIME
        if self._running:
            return False
        if self._head is not None:
            return silent > _BODY_TIME
        return silent > (_IDLE if self._reader.idle else _HEAD_TIME)

    def _give_back(self) -> None:
        call, self._call = self._call, None
        if call is None:
            return
        if self._running:
            call.reply = call.refuse = None
        else:
            self._host.withdraw(call.token)

    def _advance(self) -> None:
        while self.open and not self._running and not self.congested:
            if self._head is not None:
                body = self._reader.body()
                if body is None:
                    return
                self._finish(self._head, body.data)
            else:
                head = self._reader.head()
                if head is None:
                    return
                self._begin(head)
        if self._running and self._reader.buffered > _PENDING_LIMIT:
            self.pause()

    def _begin(self, head: Head) -> None:
        if self._proof is not None:
            answer = self._proof.answer(head)
            self._proof = None
            self._server.on_proof()
            self._say(b"200 OK", b"x-funclet-proof: %b\r\n" % answer)
            return
        limit = _SMALL_BODY_LIMIT
        if head.target == b"/invoke" and head.method == b"POST":
            self._check(head)
            limit = EVENT_LIMIT
            self._admit(head)
        elif head.length == CHUNKED or head.length > limit:
            raise WireError("the body is too long", 413)
        self._head = head
        self._reader.expect(head, limit if self._call is not None else 0)

    def _check(self, head: Head) -> None:
        token = head.headers.get(b"x-funclet-token", b"")
        request_id = head.headers.get(b"lambda-runtime-aws-request-id", b"")
        if len(token) != _TOKEN_LENGTH or token.translate(None, _HEX):
            raise WireError("x-funclet-token must be 32 hex digits")
        if not 0 < len(request_id) <= _REQUEST_ID_LIMIT or request_id.translate(None, _ID_BYTES):
            raise WireError("lambda-runtime-aws-request-id is missing or malformed")
        if head.length == CHUNKED:
            raise WireError("content-length is missing", 411)
        if head.length > EVENT_LIMIT:
            raise WireError("the event is too long", 413)

    def _admit(self, head: Head) -> None:
        headers = head.headers
        token = headers[b"x-funclet-token"]
        reason = self._host.admit(headers.get(b"x-funclet-revision", b""), token)
        if reason is not None:
            self.send(_not_started(reason))
            return
        self._call = Call(
            token,
            headers[b"lambda-runtime-aws-request-id"].decode(),
            headers,
            tail=headers.get(b"x-funclet-tail") == b"1",
        )

    def _finish(self, head: Head, data: bytes) -> None:
        self._head = None
        call = self._call
        if call is not None:
            call.event = data
            call.reply = self._reply
            call.refuse = self._refuse_call
            self._running = True
            self._keep_alive = head.keep_alive
            self._host.submit(call)
            return
        if head.target != b"/invoke":
            self._answer(head)
        if not head.keep_alive:
            self.close_after_sending()

    def _answer(self, head: Head) -> None:
        route = head.method, head.target
        if route == (b"GET", b"/ready"):
            self.send(_readiness(ready=self._host.ready, init_error=self._host.init_error))
        elif route == (b"POST", b"/retire"):
            self._host.retire()
            self.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        elif route == (b"POST", b"/fence"):
            token = head.headers.get(b"x-funclet-token", b"")
            if len(token) != _TOKEN_LENGTH or token.translate(None, _HEX):
                raise WireError("x-funclet-token must be 32 hex digits")
            self._say(b"200 OK", b"x-funclet-call: %b\r\n" % self._host.fence(token).encode())
        else:
            self._say(b"404 Not Found")

    def _reply(self, result: Result) -> None:
        self._over(format_result(result))

    def _refuse_call(self) -> None:
        self._over(_not_started("refused"))

    def _over(self, answer: bytes) -> None:
        self._running = False
        self._call = None
        self.send(answer)
        if not self._keep_alive:
            self.close_after_sending()
            return
        self.resume()
        if self._reader.buffered:
            self.received(b"")

    def _say(self, status: bytes, headers: bytes = b"") -> None:
        self.send(b"HTTP/1.1 %b\r\n%bcontent-length: 0\r\n\r\n" % (status, headers))

    def _refuse(self, status: int, message: str) -> None:
        body = message.encode()
        self.send(
            b"HTTP/1.1 %d Refused\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%b"
            % (status, len(body), body)
        )
        self.close_after_sending()
