"""What the gateway asks of the kernel for its connections to other machines."""

import asyncio
import socket

#: how long a machine may be silent: with bytes under way in milliseconds, else three questions from 5 s on
_LIVENESS = {
    socket.TCP_USER_TIMEOUT: 10_000,
    socket.TCP_KEEPIDLE: 5,
    socket.TCP_KEEPINTVL: 2,
    socket.TCP_KEEPCNT: 3,
}
#: bytes of a body that is copied behind its head, to be one packet
_SMALL = 64 * 1024


def notice_a_dead_node(transport: asyncio.BaseTransport) -> None:
    """Have the kernel end a connection whose peer's machine is gone: nothing else would until the call's deadline."""
    connection = transport.get_extra_info("socket")
    if connection is None or connection.family == socket.AF_UNIX:
        return
    for option, value in _LIVENESS.items():
        connection.setsockopt(socket.IPPROTO_TCP, option, value)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def send(transport: asyncio.Transport, head: bytes, body: bytes) -> None:
    """Write a request, a small one at once."""
    # Not writelines: since Python 3.12 it sends without ever pausing whoever writes.
    if len(body) <= _SMALL:
        transport.write(head + body)
    else:
        transport.write(head)
        transport.write(body)
