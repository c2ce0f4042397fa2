"""The Runtime API as a runtime process sees it: AWS's routes on a loopback port, one port for each process.

What is sent here is hostile: it is capped, and whether it is in order is the instance's to say.
"""

from __future__ import annotations

from _socket import socketpair

from funclet.supervisor.listener import Listener, loopback
from funclet.supervisor.outcome import RESPONSE_LIMIT, payload
from funclet.supervisor.stream import Stream
from funclet.supervisor.wire import Body, Head, Reader, WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from typing import Protocol

    from funclet.supervisor.loop import Loop

    class Host(Protocol):
        """Who decides; each refusal is an answer to send, None is consent."""

        def next_asked(self, waiter: RuntimeConnection) -> bytes | None:
            """The runtime wants an event; it is told by `waiter.deliver`, now or later."""

        def answer_begins(self, request_id: bytes) -> bytes | None:
            """An answer to this invocation begins to arrive."""

        def answer_broke(self) -> None:
            """The answer will never be whole."""

        def answered(self, verb: bytes, head: Head, body: Body) -> None:
            """It is whole, or longer than allowed."""

        def init_error_begins(self) -> bytes | None:
            """The runtime is about to say that it cannot start."""

        def init_error_broke(self) -> None:
            """It will never be said whole."""

        def init_failed(self, head: Head, body: Body) -> None:
            """It has said why."""


CONNECTION_LIMIT = 64
#: awslambdaric puts up to 1 MB of trace into a header of its errors
HEAD_LIMIT = (1 << 20) + 64 * 1024
_PENDING_LIMIT = 64 * 1024
#: what all connections of a process together may have kept here, its one answer under way aside, in bytes
KEPT_LIMIT = 4 << 20
#: what is read of a connection whose process has ended: the longest answer, and more
_LAST_READS = 200

#: stands for the head of a request that is refused
_REFUSED = Head(b"", b"", {}, 0, keep_alive=True)
_VERSION = b"/2018-06-01/"
_NEXT = b"/2018-06-01/runtime/invocation/next"
_INVOCATION = b"/2018-06-01/runtime/invocation/"
_INIT_ERROR = b"/2018-06-01/runtime/init/error"


def answer(status: bytes, body: bytes, headers: bytes = b"Content-Type: application/json\r\n") -> bytes:
    """Return a whole answer."""
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, headers, len(body), body)


def refusal(status: bytes, error_type: str, message: str) -> bytes:
    """Return an answer that a runtime client takes as an error."""
    return answer(status, payload(error_type, message))


ACCEPTED = answer(b"202 Accepted", b'{"status":"OK"}\n')
TOO_LARGE = answer(
    b"413 Request Entity Too Large",
    b'{"errorMessage":"Exceeded maximum allowed payload size (%d bytes).","errorType":"RequestEntityTooLarge"}'
    % RESPONSE_LIMIT,
)
INVALID_ID = refusal(b"400 Bad Request", "InvalidRequestID", "Invalid request ID")
NOT_FOUND = refusal(b"404 Not Found", "NotFound", "No such route")
PONG = answer(b"200 OK", b"pong", b"Content-Type: text/plain\r\n")


def last(said: bytes) -> bytes:
    """Return an answer as one after which the connection ends."""
    return said.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


def forbidden(state: str, wanted: str) -> bytes:
    """Return the answer to a request that does not fit the order of things."""
    return refusal(
        b"403 Forbidden",
        "InvalidStateTransition",
        f"State transition from {state} to {wanted} failed for runtime. Error: State transition is not allowed",
    )


class RuntimeApi:
    """The port of one runtime process, and a connection that is there before the process is."""

    def __init__(self, loop: Loop, host: Host) -> None:
        self._loop = loop
        self._host = host
        self._listener = Listener(loop, loopback(), self._accepted)
        self._connections: set[RuntimeConnection] = set()
        #: who was sent an event, and had not taken all of it at once
        self._slow: RuntimeConnection | None = None
        #: how many bytes are kept for all connections, as far as they count
        self.kept = 0
        self.address = f"127.0.0.1:{self._listener.port}"
        mine, offered = socketpair()
        mine.setblocking(False)
        self._accepted(mine)
        #: the process's end of it, to be inherited and then closed here: half the cost of TCP for who knows of it
        self.offered: socket = offered

    def pump(self) -> None:
        """Take in whatever the process sent before it ended."""
        while self._listener.accept():
            pass
        for connection in list(self._connections):
            for _ in range(_LAST_READS):
                if not connection.open or not connection.read():
                    break

    def close(self) -> None:
        """End the port and all its connections: the process is to be ended, or is."""
        self._listener.close()
        for connection in list(self._connections):
            connection.close()

    def forget(self, connection: RuntimeConnection) -> None:
        """Take note that a connection is gone."""
        self._connections.discard(connection)

    def takes_slowly(self, connection: RuntimeConnection) -> None:
        """Take note that an event is still on its way; an earlier one, if any, is of no use by now."""
        slow, self._slow = self._slow, connection
        if slow is not None and slow is not connection and slow.sending:
            slow.close()

    def _accepted(self, sock: socket) -> None:
        if len(self._connections) >= CONNECTION_LIMIT:
            sock.close()
        else:
            self._connections.add(RuntimeConnection(self._loop, sock, self, self._host))


class RuntimeConnection(Stream):
    """One connection of a runtime process."""

    def __init__(self, loop: Loop, sock: socket, api: RuntimeApi, host: Host) -> None:
        super().__init__(loop, sock)
        self._api = api
        self._host = host
        self._reader = Reader(HEAD_LIMIT)
        #: answers kept back because the event can go along with them
        self._held = b""
        self._waiting = False
        #: how many bytes are kept here, as they are counted
        self._kept = 0
        #: the request whose body is on its way: its head, and its verb or the refusal that it will get
        self._head: Head | None = None
        self._verb = b""
        self._refusal: bytes | None = None

    def received(self, data: bytes) -> None:
        """Take what came in."""
        try:
            self._reader.feed(data)
            self._advance()
            if self._reader.kept != self._kept:
                self._count()
        except WireError as error:
            self._break_off(error)

    def closed(self) -> None:
        """Take note that the connection is gone."""
        self._api.forget(self)
        self._forget_the_rest()
        self._give_up_request()

    def deliver(self, event: bytes) -> bool:
        """Send the event that was waited for. False if the connection is gone."""
        self._waiting = False
        held, self._held = self._held, b""
        delivered = self.send(held + event)
        if self.sending:
            self._api.takes_slowly(self)
        self.resume()
        if delivered and self._reader.buffered:
            self.received(b"")
        return delivered

    def _advance(self) -> None:
        while self.open and not self._waiting and not self.congested:
            if self._head is not None:
                body = self._reader.body()
                if body is None:
                    break
                self._finish(self._head, body)
            else:
                head = self._reader.head()
                if head is None:
                    break
                self._begin(head)
        if self._waiting:
            if self._reader.buffered > _PENDING_LIMIT:
                self.pause()
        elif self._held:
            self._say(b"")

    def _count(self) -> None:
        """Count what is kept; more than all connections may is refused to whom it comes from."""
        # The one answer that is under way has a limit of its own.
        kept = 0 if self._head is not None and self._refusal is None else self._reader.kept
        self._api.kept += kept - self._kept
        self._kept = kept
        if self._api.kept > KEPT_LIMIT:
            raise WireError("too much is on its way at once", 431)

    def _forget_the_rest(self) -> None:
        """Drop what came and is not to be looked at."""
        self._api.kept -= self._kept
        self._kept = 0
        self._reader = Reader(HEAD_LIMIT)

    def _give_up_request(self) -> None:
        """Tell the instance, where something that it agreed to will not be whole."""
        agreed = self._head is not None and self._refusal is None
        self._head = None
        if agreed and self._verb:
            self._host.answer_broke()
        elif agreed:
            self._host.init_error_broke()

    def _begin(self, head: Head) -> None:
        if head.target == _NEXT and head.method == b"GET" and not head.length:
            self._waiting = True
            refused = self._host.next_asked(self)
            if refused is not None:
                self._waiting = False
                self._say(refused)
            return
        self._refusal = self._judge(head)
        # Of what is refused nothing is kept, its head included.
        self._head = head if self._refusal is None else _REFUSED
        self._reader.expect(head, RESPONSE_LIMIT if self._refusal is None else 0)

    def _judge(self, head: Head) -> bytes | None:
        """Decide by the head alone what will become of a request that may have a body."""
        self._verb = b""
        if head.method == b"POST":
            if head.target.startswith(_INVOCATION):
                request_id, _, verb = head.target[len(_INVOCATION) :].partition(b"/")
                if verb in {b"response", b"error"}:
                    self._verb = verb
                    return self._host.answer_begins(request_id)
            elif head.target == _INIT_ERROR:
                return self._host.init_error_begins()
        elif head.method == b"GET" and head.target == _VERSION + b"ping":
            return PONG
        return NOT_FOUND

    def _finish(self, head: Head, body: Body) -> None:
        self._head = None
        if self._refusal is not None:
            if self._verb:
                # A client may have asked for the next event in the same breath: refused, it takes no event along.
                self._say_last(last(self._refusal))
            else:
                self._say(self._refusal)
            return
        if self._verb and body.overflow:
            self._say(TOO_LARGE)
        elif self._reader.buffered:
            self._held += ACCEPTED
        else:
            self._say(ACCEPTED)
        if self._verb:
            self._host.answered(self._verb, head, body)
        else:
            self._host.init_failed(head, body)

    def _say(self, text: bytes) -> None:
        held, self._held = self._held, b""
        self.send(held + text)

    def _say_last(self, text: bytes) -> None:
        self._say(text)
        self._forget_the_rest()
        self.close_after_sending()

    def _break_off(self, error: WireError) -> None:
        self._waiting = False
        said = answer(b"%d Bad Request" % error.status, payload("BadRequest", str(error)), b"")
        self._say_last(last(said))
        self._give_up_request()
