"""A connection in the loop: reads as it comes, keeps what could not be sent yet, tells when it is gone."""

from __future__ import annotations

from select import EPOLLIN, EPOLLOUT, EPOLLRDHUP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket

    from funclet.supervisor.loop import Loop

_PIECE = 65_000
#: what may queue behind something that is being sent, in bytes, before nothing more is taken in
_QUEUE_LIMIT = 64 * 1024
_NOTHING = memoryview(b"")


class Stream:
    """One non-blocking stream socket. Subclasses say what `received` and `closed` mean.

    A peer that asks and does not take the answers is not read from until it does. What it is sent first may
    be of any length, such as an event; only what queues behind that counts.
    """

    def __init__(self, loop: Loop, sock: socket) -> None:
        self._loop = loop
        self._socket = sock
        self._descriptor = sock.fileno()
        self._unsent = _NOTHING
        #: what follows `_unsent`: joined once that is sent, so that no byte is copied for each answer
        self._queue: list[bytes] = []
        self._queued = 0
        self._closing = False
        self._paused = False
        #: whether so much has queued that what was received is to wait
        self.congested = False
        #: when something last went in or out
        self.active_at = loop.now
        self.open = True
        loop.register(self._descriptor, self._ready, EPOLLIN | EPOLLRDHUP)

    def received(self, data: bytes) -> None:
        """Take what came in; nothing, where what was received before may go on."""
        raise NotImplementedError

    def closed(self) -> None:
        """Take note that the connection is gone; called once."""
        raise NotImplementedError

    @property
    def sending(self) -> bool:
        """Whether something still waits to be sent."""
        return bool(self._unsent)

    def send(self, data: bytes) -> bool:
        """Send, now or as the peer takes it. False if the connection is gone."""
        if not self.open:
            return False
        if self._unsent:
            self._enqueue(data)
            return True
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return False
        if sent < len(data):
            self._unsent = memoryview(data)[sent:]
            self._watch()
        return True

    def close_after_sending(self) -> None:
        """Close once everything is sent; nothing more is read."""
        self._closing = True
        if self._unsent:
            self._watch()
        else:
            self.close()

    def pause(self) -> None:
        """Stop reading: the peer waits."""
        if not self._paused:
            self._paused = True
            self._watch()

    def resume(self) -> None:
        """Read again."""
        if self._paused:
            self._paused = False
            self._watch()

    def close(self) -> None:
        """Close at once."""
        if self.open:
            self.open = False
            self._unsent = _NOTHING
            self._queue.clear()
            self._loop.unregister(self._descriptor)
            self._socket.close()
            self.closed()

    def read(self) -> bool:
        """Read once. False if there was nothing, or nothing more is to be read."""
        if self._closing:
            return False
        try:
            data = self._socket.recv(_PIECE)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self.close()
            return False
        self.active_at = self._loop.now
        self.received(data)
        return self.open

    def _ready(self, events: int) -> None:
        if events & EPOLLOUT:
            self.active_at = self._loop.now
            self._send_on()
        if events & ~EPOLLOUT and self.open:
            if self._closing or self._paused or self.congested:
                # Not reading, and yet woken: the peer is gone.
                self.close()
            else:
                self.read()

    def _send_on(self) -> None:
        try:
            sent = self._socket.send(self._unsent[: 1 << 20])
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        self._unsent = self._unsent[sent:]
        if not self._unsent:
            self._sent()

    def _enqueue(self, data: bytes) -> None:
        self._queue.append(data)
        self._queued += len(data)
        if self._queued > _QUEUE_LIMIT and not self.congested:
            self.congested = True
            self._watch()

    def _sent(self) -> None:
        """Go on with what queued, or with reading."""
        self._unsent = memoryview(b"".join(self._queue))
        self._queue.clear()
        self._queued = 0
        if self._closing and not self._unsent:
            self.close()
            return
        was_congested, self.congested = self.congested, False
        self._watch()
        if was_congested and not self._closing:
            self.received(b"")

    def _watch(self) -> None:
        if self.open:
            events = EPOLLOUT if self._unsent else 0
            if not (self._paused or self._closing or self.congested):
                events |= EPOLLIN | EPOLLRDHUP
            self._loop.modify(self._descriptor, events)
