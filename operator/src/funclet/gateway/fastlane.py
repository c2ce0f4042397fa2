"""The public listener's protocol: Invoke is read here, all else is handed to aiohttp with the bytes read so far.

One request at a time per connection, answered in order; what a client pipelines waits in the buffer.
"""

import asyncio
from collections.abc import Callable
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from aiohttp import web
from typing_extensions import override

from funclet.gateway import http_head
from funclet.gateway.admission import Admission
from funclet.gateway.front import Answer, LambdaFront, error_answer
from funclet.gateway.http_head import Head
from funclet.gateway.settings import ListenerLimits
from funclet.lambda_api.errors import (
    AwsError,
    bad_request,
    head_too_large,
    request_timeout,
    throttled,
    unavailable,
)
from funclet.lambda_api.invoke import REQUEST_LIMIT, InvokeHead, too_large

if TYPE_CHECKING:
    from funclet.gateway.invoke import Call

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_STATUS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
#: bytes that a client may send ahead while a call of its runs
_AHEAD = 64 * 1024
#: seconds for which what a refused client still sends is read off, so that it sees the answer
_LINGER = 2.0


class State(Enum):
    """What a connection waits for."""

    #: the first byte of a request
    IDLE = "idle"
    HEAD = "head"
    BODY = "body"
    #: the answer of a call
    CALL = "call"
    #: the client to close, after the last answer
    LINGER = "linger"
    #: nothing of ours: aiohttp serves it
    SLOW = "slow"
    CLOSED = "closed"


class Lobby:
    """All connections of the listener: what they share, and who has to go."""

    def __init__(
        self,
        front: LambdaFront,
        admission: Admission,
        limits: ListenerLimits,
        slow_lane: Callable[[], web.RequestHandler],
    ) -> None:
        self.front = front
        self.admission = admission
        self.limits = limits
        self.slow_lane = slow_lane
        self.clock = asyncio.get_running_loop().time
        #: the Date header's line; renewed by whoever sweeps
        self.date = ""
        self.connections: set[FastLane] = set()
        #: those between two requests, the longest idle first
        self.idle: dict[FastLane, None] = {}

    def __call__(self) -> "FastLane":
        """Make the protocol of a new connection."""
        return FastLane(self)

    def make_room(self) -> bool:
        """See that one more connection is within the cap, if need be by closing the longest idle one."""
        if len(self.connections) < self.limits.connections:
            return True
        longest = next(iter(self.idle), None)
        if longest is not None:
            longest.close()
        return longest is not None

    def sweep(self, now: float) -> None:
        """Close the connections whose time is over."""
        for connection in list(self.connections):
            connection.sweep(now)

    def close_idle(self) -> None:
        """Close what is between two requests; the others close after their answer."""
        for connection in list(self.idle):
            connection.close()


class FastLane(asyncio.Protocol):
    """One connection of the public listener."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self._limits = lobby.limits
        self._transport = cast("asyncio.Transport", None)
        self._slow: web.RequestHandler | None = None
        self._state = State.IDLE
        self._buffer = bytearray()
        #: when the state was entered, when the body last grew, when the request began
        self._since = self._progress = self._begun = lobby.clock()
        self._fresh = True
        self._head: Head | None = None
        #: what the request asks for, or the answer that it gets once its body is read off
        self._asked: InvokeHead | AwsError | None = None
        #: bytes of the body that count as held; None: the request is not admitted
        self._held: int | None = None
        self._call: Call | None = None
        self._keep_alive = True
        self._reading = True
        #: bytes that the client had not taken, and since when; None while it keeps up
        self._stalled: tuple[int, float] | None = None

    # -- what happens on the connection

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._lobby.admission.closing or not self._lobby.make_room():
            self._state = State.CLOSED
            self._transport.abort()
            return
        self._lobby.connections.add(self)
        self._lobby.idle[self] = None

    @override
    def data_received(self, data: bytes) -> None:
        if self._slow is not None:
            self._slow.data_received(data)
            return
        if self._state is State.LINGER:
            return
        self._buffer += data
        if self._state is State.CALL:
            if len(self._buffer) > _AHEAD:
                self._reading = False
                self._transport.pause_reading()
        else:
            self._pump()

    @override
    def eof_received(self) -> bool | None:
        if self._slow is not None:
            self._slow.eof_received()
        elif self._state is State.BODY:
            self._refuse(bad_request("The body is shorter than its Content-Length."))
        return False

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._lobby.connections.discard(self)
        self._lobby.idle.pop(self, None)
        if self._slow is not None:
            self._slow.connection_lost(exc)
            return
        self._state = State.CLOSED
        call, self._call = self._call, None
        if call is not None:
            call.abandon()
        self._give_back()

    @override
    def pause_writing(self) -> None:
        if self._slow is not None:
            self._slow.pause_writing()
        self._stalled = (self._transport.get_write_buffer_size(), self._lobby.clock())

    @override
    def resume_writing(self) -> None:
        if self._slow is not None:
            self._slow.resume_writing()
        self._stalled = None
        if self._state is State.IDLE and self._buffer:
            self._pump()

    # -- time

    def sweep(self, now: float) -> None:
        """Close the connection if what it waits for does not come."""
        if self._stalled is not None:
            self._sweep_stalled(now, *self._stalled)
        limits = self._limits
        if self._state is State.IDLE:
            if now - self._since >= (limits.header if self._fresh else limits.keep_alive):
                self.close()
        elif self._state is State.HEAD:
            if now - self._begun >= limits.header:
                self._refuse(request_timeout("The headers did not come in time."))
        elif self._state is State.BODY:
            if now - self._progress >= limits.body_idle or now - self._begun >= limits.request:
                self._refuse(request_timeout("The body did not come in time."))
        elif self._state is State.LINGER and now - self._since >= _LINGER:
            self.close()

    def _sweep_stalled(self, now: float, left: int, since: float) -> None:
        size = self._transport.get_write_buffer_size()
        if size < left:
            self._stalled = (size, now)
        elif now - since >= self._limits.write_idle:
            self._transport.abort()

    def close(self) -> None:
        """Close the connection once what is written is sent."""
        self._state = State.CLOSED
        self._lobby.idle.pop(self, None)
        self._transport.close()

    # -- one request after the other

    def _pump(self) -> None:
        """Go as far as the bytes reach."""
        going = True
        while going:
            if self._state is State.IDLE and self._buffer:
                self._enter_head()
            if self._state is State.HEAD:
                going = self._read_head()
            elif self._state is State.BODY:
                going = self._read_body()
            else:
                going = False

    def _enter_head(self) -> None:
        self._lobby.idle.pop(self, None)
        self._fresh = False
        self._state = State.HEAD
        self._begun = self._lobby.clock()

    def _read_head(self) -> bool:
        buffer = self._buffer
        end = buffer.find(http_head.END) + len(http_head.END)
        if end < len(http_head.END):
            if not http_head.may_become_invoke(buffer):
                self._hand_over()
            elif len(buffer) > self._limits.head_bytes:
                self._refuse(head_too_large())
            return False
        if end > self._limits.head_bytes:
            self._refuse(head_too_large())
            return False
        data = bytes(buffer[:end])
        head = http_head.parse(data) if data.startswith(http_head.BEGINNING) else None
        asked = None if head is None else self._lobby.front.head(head.target, head.headers)
        if head is None or asked is None:
            self._hand_over()
            return False
        if len(head.headers) > self._limits.head_lines:
            self._refuse(head_too_large())
            return False
        del buffer[:end]
        return self._admit(head, asked)

    def _admit(self, head: Head, asked: InvokeHead | AwsError) -> bool:
        """Decide from the head whether the body is wanted."""
        admission = self._lobby.admission
        if head.length > REQUEST_LIMIT:
            self._refuse(too_large())
            return False
        if isinstance(asked, InvokeHead):
            if admission.closing:
                asked = unavailable("This gateway is going down.")
            elif admission.enter():
                self._held = 0
            else:
                asked = throttled("ConcurrentInvocationLimitExceeded")
        if head.expects and len(self._buffer) < head.length:
            if isinstance(asked, AwsError):
                self._refuse(asked)
                return False
            self._transport.write(_CONTINUE)
        self._head, self._asked = head, asked
        self._keep_alive = head.keep_alive
        self._state = State.BODY
        self._progress = self._begun
        return True

    def _read_body(self) -> bool:
        head, asked = self._head, self._asked
        if head is None or asked is None:
            raise RuntimeError("a body is read before its head")
        buffer = self._buffer
        if not self._hold(min(len(buffer), head.length)):
            self._refuse(throttled("ConcurrentInvocationLimitExceeded"))
            return False
        if len(buffer) < head.length:
            self._progress = self._lobby.clock()
            return False
        body = bytes(buffer[: head.length])
        del buffer[: head.length]
        self._state = State.CALL
        if isinstance(asked, AwsError):
            self._respond(error_answer(asked))
        else:
            call = self._lobby.front.begin(asked, body, self._respond)
            if self._state is State.CALL:
                self._call = call
        return False

    # -- answers

    def _respond(self, answer: Answer) -> None:
        """Answer the request under way; the next one follows in the loop's next round."""
        self._call = None
        self._give_back()
        if self._state is not State.CALL:
            return
        keep_alive = self._keep_alive and not self._lobby.admission.closing
        self._write(answer, keep_alive=keep_alive)
        if not keep_alive:
            self.close()
            return
        self._head = self._asked = None
        self._state = State.IDLE
        self._since = self._lobby.clock()
        self._lobby.idle[self] = None
        if not self._reading:
            self._reading = True
            self._transport.resume_reading()
        if self._buffer and self._stalled is None:
            # Not at once: the place that this call had is given back first.
            asyncio.get_running_loop().call_soon(self._pump)

    def _refuse(self, error: AwsError) -> None:
        """Answer and close; what still comes is read off for a while, else the client might not see the answer."""
        self._give_back()
        self._write(error_answer(error), keep_alive=False)
        self._buffer.clear()
        self._state = State.LINGER
        self._since = self._lobby.clock()
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _write(self, answer: Answer, *, keep_alive: bool) -> None:
        lines = [_STATUS[answer.status], self._lobby.date]
        lines.extend([f"{name}: {value}\r\n" for name, value in answer.headers])
        if answer.status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {len(answer.body)}\r\n")
        lines.append("\r\n" if keep_alive else "Connection: close\r\n\r\n")
        head = "".join(lines).encode("latin-1")
        if answer.body:
            self._transport.writelines((head, answer.body))
        else:
            self._transport.write(head)

    def _hold(self, size: int) -> bool:
        """Count the bytes of the body that are here; who only announces many holds none."""
        if self._held is None:
            return True
        if not self._lobby.admission.hold(size - self._held):
            return False
        self._held = size
        return True

    def _give_back(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._lobby.admission.leave(held)

    def _hand_over(self) -> None:
        """Give the connection, with what was read, to aiohttp for the rest of its life."""
        data = bytes(self._buffer)
        self._buffer.clear()
        self._state = State.SLOW
        self._slow = self._lobby.slow_lane()
        self._slow.connection_made(self._transport)
        self._slow.data_received(data)
