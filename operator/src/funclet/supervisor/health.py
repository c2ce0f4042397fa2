"""The port that a kubelet asks: plain HTTP, one question, one answer, one connection."""

from __future__ import annotations

from funclet.supervisor.listener import Listener
from funclet.supervisor.stream import Stream
from funclet.supervisor.wire import Reader, WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable

    from funclet.supervisor.loop import Loop
    from funclet.supervisor.wire import Head

CONNECTION_LIMIT = 16
_HEAD_LIMIT = 4096
#: how long a connection may last, in seconds
_LIFE = 5.0


class HealthServer:
    """All that may be asked here is `GET /ready`; `ready` answers."""

    def __init__(self, loop: Loop, sock: socket, ready: Callable[[], bool]) -> None:
        self._loop = loop
        self._ready = ready
        self._connections: set[HealthConnection] = set()
        self._sweeping = False
        self._listener = Listener(loop, sock, self._accepted)

    @property
    def port(self) -> int:
        """The TCP port that it listens on."""
        return self._listener.port

    def answer(self, head: Head) -> bytes:
        """Return the status line of the answer."""
        if (head.method, head.target) != (b"GET", b"/ready"):
            return b"404 Not Found"
        return b"200 OK" if self._ready() else b"503 Service Unavailable"

    def forget(self, connection: HealthConnection) -> None:
        """Take note that a connection is gone."""
        self._connections.discard(connection)

    def _accepted(self, sock: socket) -> None:
        if len(self._connections) >= CONNECTION_LIMIT:
            sock.close()
            return
        self._connections.add(HealthConnection(self._loop, sock, self))
        if not self._sweeping:
            self._sweep()

    def _sweep(self) -> None:
        for connection in list(self._connections):
            if self._loop.now - connection.since > _LIFE:
                connection.close()
        self._sweeping = bool(self._connections)
        if self._sweeping:
            self._loop.call_later(_LIFE / 2, self._sweep)


class HealthConnection(Stream):
    """One question."""

    def __init__(self, loop: Loop, sock: socket, server: HealthServer) -> None:
        super().__init__(loop, sock)
        self._server = server
        self._reader = Reader(_HEAD_LIMIT)
        self.since = loop.now

    def received(self, data: bytes) -> None:
        """Answer, once the question is whole."""
        try:
            self._reader.feed(data)
            head = self._reader.head()
        except WireError:
            self._say(b"400 Bad Request")
            return
        if head is not None:
            self._say(self._server.answer(head))

    def closed(self) -> None:
        """Take note that the connection is gone."""
        self._server.forget(self)

    def _say(self, status: bytes) -> None:
        self.send(b"HTTP/1.1 %b\r\nconnection: close\r\ncontent-length: 0\r\n\r\n" % status)
        self.close_after_sending()
