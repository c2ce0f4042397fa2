"""A listener's protocol: what its front is for is read here, all else is handed to aiohttp with the bytes read so far.

One request at a time per connection, answered in order; what a client pipelines waits in the buffer.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from typing_extensions import override

from funclet.gateway import http_head
from funclet.gateway.admission import Admission
from funclet.gateway.backlog import Backlog
from funclet.gateway.http_front import Answer, Begin, Front
from funclet.gateway.http_head import Head
from funclet.gateway.lobby import Lobby, address_of, host_of
from funclet.gateway.presence import Presence
from funclet.gateway.settings import ListenerLimits
from funclet.gateway.slow_lane import SlowLane
from funclet.lambda_api.errors import AwsError, bad_request, head_too_large, request_timeout, throttled
from funclet.lambda_api.invoke import REQUEST_LIMIT, too_large

if TYPE_CHECKING:
    from funclet.gateway.ports import Abandonable

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_STATUS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
#: bytes that a client may send ahead while a call of its runs
_AHEAD = 64 * 1024
#: seconds for which what a refused client still sends is read off, so that it sees the answer
_LINGER = 2.0
#: bytes of a body that are copied behind its head to be one write
_JOINED = 64 * 1024


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


@dataclass(slots=True)
class Listener:
    """What all connections of the listener share."""

    front: Front
    admission: Admission
    lobby: Lobby
    limits: ListenerLimits
    slow_lane: Callable[[], SlowLane]
    clock: Callable[[], float]
    #: its connections are taken, and go on, while the gateway goes: who is on them is told on them
    stays: bool = False
    #: who counts what those do not take who are not welcome, where that is not `admission`
    unsent: Admission | None = None
    #: the Date header's line; renewed by whoever sweeps
    date: str = ""
    backlog: Backlog = field(init=False)
    strangers: Backlog = field(init=False)

    def __post_init__(self) -> None:
        """Make what the connections alone need."""
        self.backlog = Backlog(self.admission)
        self.strangers = self.backlog if self.unsent is None else Backlog(self.unsent)

    @property
    def is_closed(self) -> bool:
        """Whether nobody new is let in."""
        return self.admission.closing and not self.stays

    @property
    def parts(self) -> bool:
        """Whether an answer ends its connection."""
        return self.admission.last_answers and not self.stays


class FastLane(asyncio.Protocol):
    """One connection of a listener."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._lobby = listener.lobby
        self._limits = listener.limits
        self._backlog = listener.strangers
        #: whom the connection counts for; None: nobody
        self.address: str | None = None
        self._transport = cast("asyncio.Transport", None)
        self._slow: SlowLane | None = None
        self._state = State.IDLE
        self._buffer = bytearray()
        #: when the state was entered, when the body last grew, when the request began
        self._since = self._progress = self._begun = listener.clock()
        self._fresh = True
        self._turned_away = False
        #: bytes of the head that were searched for its end
        self._searched = 0
        #: what the request asks for, or the answer that it gets once its body is read off
        self._asked: Begin | Answer | None = None
        #: bytes of the body that are still to be taken from the buffer
        self._left = 0
        #: bytes of the body that count as held; None: the request is not admitted
        self._held: int | None = None
        self._call: Abandonable | None = None
        self._keep_alive = True
        self._reading = True
        #: the client sends no more
        self._ended = False
        self._presence: Presence | None = None
        #: the client is so far behind with taking its answers that it gets no more
        self._full = False
        self._written = 0
        #: bytes that the client had taken, and since when; None: all of them
        self._taken: tuple[int, float] | None = None
        #: since when the client is behind with an answer
        self._behind: float | None = None

    # -- what happens on the connection

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.address = address_of(peer)
        if self._listener.is_closed or not self._lobby.enter(self, host_of(peer)):
            self._state = State.CLOSED
            self._transport.abort()
            return
        if self._lobby.is_welcome(self):
            self._backlog = self._listener.backlog
        if self._lobby.seat(self):
            self._lobby.rests(self)
        else:
            self._turned_away = True

    @override
    def data_received(self, data: bytes) -> None:
        if self._slow is not None:
            self._slow.data_received(data)
            return
        if self._state is State.LINGER or self._state is State.CLOSED:
            return
        self._buffer += data
        if self._state is not State.CALL:
            self._pump()
        if len(self._buffer) > _AHEAD and self._state in {State.CALL, State.IDLE}:
            self._reading = False
            self._transport.pause_reading()
            self._doubt()

    @override
    def eof_received(self) -> bool | None:
        """Keep the connection while answers are due: it may be only this half that ends."""
        self._ended = True
        if self._slow is not None:
            due = self._slow.end_input()
        elif self._state is State.IDLE:
            due = bool(self._buffer)
        else:
            self._miss_the_rest()
            due = self._state is State.CALL
        if due:
            self._doubt()
        return due

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._lobby.leave(self)
        self._trust()
        self._backlog.note(self, 0)
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
        self._full = True
        self._backlog.note(self, self._transport.get_write_buffer_size())

    @override
    def resume_writing(self) -> None:
        if self._slow is not None:
            self._slow.resume_writing()
        self._full = False
        self._behind = None
        self._backlog.note(self, self._transport.get_write_buffer_size())
        if self._state is State.IDLE:
            self._rest()

    # -- time

    def sweep(self, now: float) -> None:
        """Close the connection if what it waits for does not come."""
        unsent = self._transport.get_write_buffer_size()
        if unsent and not self._takes(unsent, now):
            self.abort()
            return
        if unsent:
            self._backlog.note(self, unsent)
        elif self._taken is not None:
            self._taken = self._behind = None
            self._backlog.note(self, 0)
        if self._state is State.IDLE:
            self._sweep_idle(now, unsent)
        elif self._slow is None:
            self._sweep_request(now)
        elif not self._transport.is_reading():
            self._doubt()
        elif not self._ended:
            self._trust()

    def _sweep_idle(self, now: float, unsent: int) -> None:
        if unsent:
            self._since = now
        elif now - self._since >= (self._limits.header if self._fresh else self._limits.keep_alive):
            self.close()

    def _sweep_request(self, now: float) -> None:
        limits = self._limits
        if self._state is State.HEAD:
            if now - self._begun >= limits.header:
                self._refuse(request_timeout("The headers did not come in time."))
        elif self._state is State.BODY:
            if now - self._progress >= limits.body_idle or now - self._begun >= limits.request:
                self._refuse(request_timeout("The body did not come in time."))
        elif self._state is State.LINGER and now - self._since >= _LINGER:
            self.close()

    def _takes(self, unsent: int, now: float) -> bool:
        """Whether the client still takes what is written, with that many bytes to go, and is through in time."""
        taken = self._written - unsent
        if self._taken is None or taken != self._taken[0]:
            self._taken = (taken, now)
        if self._behind is None:
            self._behind = now
        return now - self._taken[1] < self._limits.write_idle and now - self._behind < self._limits.answer

    def close(self) -> None:
        """Close the connection once what is written is sent."""
        self._state = State.CLOSED
        self._lobby.works(self)
        self._transport.close()

    def abort(self) -> None:
        """Close the connection at once."""
        self._state = State.CLOSED
        self._lobby.works(self)
        self._transport.abort()

    # -- one request after the other

    def _pump(self) -> None:
        """Go as far as the bytes reach."""
        going = True
        while going:
            if self._state is State.IDLE and self._buffer and not self._full:
                self._enter_head()
            if self._state is State.HEAD:
                going = self._read_head()
            elif self._state is State.BODY:
                going = self._read_body()
            else:
                going = False
        if self._ended:
            self._miss_the_rest()

    def _miss_the_rest(self) -> None:
        """Refuse what began and will not be whole."""
        if self._state is State.BODY:
            self._refuse(bad_request("The body is shorter than its Content-Length."))
        elif self._state is State.HEAD:
            self.close()

    def _doubt(self) -> None:
        """Find out from time to time whether the client is there: it cannot be heard."""
        if self._presence is None:
            self._presence = Presence(self._ask)

    def _trust(self) -> None:
        presence, self._presence = self._presence, None
        if presence is not None:
            presence.end()

    def _ask(self) -> None:
        """Write to a client that cannot be heard, where something may be written to it at present."""
        due = self._state is State.CALL if self._slow is None else self._slow.may_interrupt
        if due and not self._transport.get_write_buffer_size():
            self._send(_CONTINUE)

    def _enter_head(self) -> None:
        if self._turned_away:
            self._refuse(throttled("CallerRateLimitExceeded"))
            return
        self._lobby.works(self)
        self._fresh = False
        self._state = State.HEAD
        self._begun = self._listener.clock()
        self._searched = 0

    def _read_head(self) -> bool:
        buffer, front = self._buffer, self._listener.front
        end = buffer.find(http_head.END, max(0, self._searched - len(http_head.END))) + len(http_head.END)
        if end < len(http_head.END):
            if not http_head.may_become(front.beginning, buffer, self._searched):
                self._hand_over()
            elif len(buffer) > self._limits.head_bytes:
                self._refuse(head_too_large())
            self._searched = len(buffer)
            return False
        if end > self._limits.head_bytes:
            self._refuse(head_too_large())
            return False
        data = bytes(buffer[:end])
        head = http_head.parse(data) if data.startswith(front.beginning) else None
        asked = None if head is None else front.head(head.target, head.headers)
        if head is None or asked is None:
            self._hand_over()
            return False
        if len(head.headers) > self._limits.head_lines:
            self._refuse(head_too_large())
            return False
        del buffer[:end]
        return self._admit(head, asked)

    def _admit(self, head: Head, asked: Begin | Answer) -> bool:
        """Decide from the head whether the body is wanted."""
        admission, front = self._listener.admission, self._listener.front
        if head.length > REQUEST_LIMIT:
            self._refuse(too_large())
            return False
        if not isinstance(asked, Answer):
            if admission.closing:
                asked = front.closing()
            elif admission.enter():
                self._held = 0
            else:
                asked = front.refusal(throttled("ConcurrentInvocationLimitExceeded"))
        if head.expects and len(self._buffer) < head.length:
            if isinstance(asked, Answer):
                self._end_with(asked)
                return False
            self._send(_CONTINUE)
        self._asked, self._left = asked, head.length
        self._keep_alive = head.keep_alive
        self._state = State.BODY
        self._progress = self._begun
        return True

    def _read_body(self) -> bool:
        asked = self._asked
        if asked is None:
            raise RuntimeError("a body is read before its head")
        if isinstance(asked, Answer):
            self._skip_body(asked)
        else:
            self._take_body(asked)
        return False

    def _skip_body(self, answer: Answer) -> None:
        """Let go of what came of an unwanted body; the answer follows its end."""
        skipped = min(len(self._buffer), self._left)
        del self._buffer[:skipped]
        self._left -= skipped
        if self._left:
            self._progress = self._listener.clock()
            return
        self._state = State.CALL
        self._respond(answer)

    def _take_body(self, begin: Begin) -> None:
        buffer = self._buffer
        if not self._hold(min(len(buffer), self._left)):
            self._refuse(throttled("ConcurrentInvocationLimitExceeded"))
            return
        if len(buffer) < self._left:
            self._progress = self._listener.clock()
            return
        # One copy of what may be megabytes.
        with memoryview(buffer) as view:
            body = bytes(view[: self._left])
        del buffer[: self._left]
        self._state = State.CALL
        call = begin(body, self._respond)
        if self._state is State.CALL:
            self._call = call

    # -- answers

    def _respond(self, answer: Answer) -> None:
        """Answer the request under way; the next one follows in the loop's next round."""
        self._call = None
        self._give_back()
        if self._state is not State.CALL:
            return
        last = self._listener.parts or (self._ended and not self._buffer)
        keep_alive = self._keep_alive and not last
        self._write(answer, keep_alive=keep_alive)
        if not keep_alive:
            self.close()
            return
        self._asked = None
        self._state = State.IDLE
        self._since = self._listener.clock()
        if not self._full:
            self._rest()

    def _rest(self) -> None:
        """Be ready for the next request."""
        self._lobby.rests(self)
        if not self._reading:
            self._reading = True
            self._transport.resume_reading()
            if not self._ended:
                self._trust()
        if self._buffer:
            # Not at once: the place that this call had is given back first.
            asyncio.get_running_loop().call_soon(self._pump)

    def _refuse(self, error: AwsError) -> None:
        self._end_with(self._listener.front.refusal(error))

    def _end_with(self, answer: Answer) -> None:
        """Answer and close; what still comes is read off for a while, else the client might not see the answer."""
        self._give_back()
        self._write(answer, keep_alive=False)
        self._buffer.clear()
        if self._ended:
            self.close()
            return
        self._state = State.LINGER
        self._since = self._listener.clock()
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _write(self, answer: Answer, *, keep_alive: bool) -> None:
        lines = [_STATUS[answer.status], self._listener.date]
        lines.extend([f"{name}: {value}\r\n" for name, value in answer.headers])
        if answer.status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {len(answer.body)}\r\n")
        lines.append("\r\n" if keep_alive else "Connection: close\r\n\r\n")
        head = "".join(lines).encode("latin-1")
        if len(answer.body) <= _JOINED:
            self._send(head + answer.body)
        else:
            self._send(head)
            self._send(answer.body)

    def _send(self, data: bytes) -> None:
        # Never writelines: in asyncio since 3.12 it does not tell that the buffer is full, nor bear a
        # connection that is lost.
        self._written += len(data)
        self._transport.write(data)

    def _hold(self, size: int) -> bool:
        """Count the bytes of the body that are here; who only announces many holds none."""
        if self._held is None:
            return True
        if not self._listener.admission.hold(size - self._held):
            return False
        self._held = size
        return True

    def _give_back(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._listener.admission.leave(held)

    def _hand_over(self) -> None:
        """Give the connection, with what was read, to aiohttp for the rest of its life."""
        data = bytes(self._buffer)
        self._buffer.clear()
        self._state = State.SLOW
        self._slow = self._listener.slow_lane()
        self._slow.connection_made(self._transport)
        self._slow.data_received(data)
        if self._ended and not self._slow.end_input():
            self._transport.close()
