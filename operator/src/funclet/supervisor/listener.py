"""Listening sockets and the connections they accept, with as many at once as the cap allows."""

from __future__ import annotations

import os
from _socket import (
    AF_INET,
    AF_INET6,
    AF_UNIX,
    IPPROTO_TCP,
    SO_REUSEADDR,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_NODELAY,
    socket,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from funclet.supervisor.loop import Loop

# The socket module costs 6 ms of a cold start for enumerations and selectors; its C half does all the work.


class Listener:
    """Accepts in the loop and hands each connection, non-blocking, to `accepted`."""

    def __init__(self, loop: Loop, sock: socket, accepted: Callable[[socket], None]) -> None:
        self._loop = loop
        self._socket = sock
        self._accepted = accepted
        sock.setblocking(False)
        loop.register(sock.fileno(), self._ready)

    @property
    def port(self) -> int:
        """The TCP port that it listens on."""
        port: int = self._socket.getsockname()[1]
        return port

    def accept(self) -> bool:
        """Accept one connection. False if none waits."""
        try:
            descriptor, _ = self._socket._accept()  # type: ignore[attr-defined]  # noqa: SLF001 - the C half's own name for it
        except OSError:
            return False
        connection = socket(fileno=descriptor)
        connection.setblocking(False)
        if connection.family != AF_UNIX:
            connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        self._accepted(connection)
        return True

    def close(self) -> None:
        """Listen no more."""
        self._loop.unregister(self._socket.fileno())
        self._socket.close()

    def _ready(self, _events: int) -> None:
        self.accept()


def loopback() -> socket:
    """Listen on a free port of this machine alone."""
    sock = socket(AF_INET, SOCK_STREAM)
    sock.bind(("127.0.0.1", 0))
    sock.listen(64)
    return sock


def listen(address: str) -> socket:
    """Listen as the settings say: `fd:N`, `tcp:HOST:PORT` or `unix:PATH`. Raises OSError."""
    kind, _, rest = address.partition(":")
    if kind == "fd":
        inherited = socket(fileno=int(rest))
        os.set_inheritable(inherited.fileno(), False)
        return inherited
    if kind == "unix":
        sock = socket(AF_UNIX, SOCK_STREAM)
        sock.bind(rest)
    else:
        host, _, port = rest.rpartition(":")
        host = host.strip("[]")
        sock = socket(AF_INET6 if ":" in host else AF_INET, SOCK_STREAM)
        sock.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        sock.bind((host, int(port)))
    sock.listen(64)
    return sock
