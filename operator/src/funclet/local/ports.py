"""Listening sockets on loopback, and who has a port that is taken."""

import errno
import socket
from pathlib import Path

_HOST = "127.0.0.1"
_BACKLOG = 1024
_LISTENING = "0A"


class PortTakenError(Exception):
    """Another process listens there; the message says which, and what to do."""


def listen(port: int, flag: str) -> socket.socket:
    """A socket that listens on 127.0.0.1; port 0 takes any free one. Raises PortTakenError."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
            raise
        why = (
            f"is taken by {_holder(port)}"
            if error.errno == errno.EADDRINUSE
            else "needs more rights than you have"
        )
        raise PortTakenError(f"Port {port} {why}. Stop it, or choose another port with {flag}.") from error
    listener.setblocking(False)
    return listener


def _holder(port: int) -> str:
    """The process that listens on the port, as far as /proc tells."""
    inodes = _inodes(port)
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(descriptor.readlink()) in inodes:
                process = descriptor.parent.parent
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
        except OSError:
            continue  # not ours to look at, or gone
    return "another user's process"


def _inodes(port: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in map(str.split, rows):
            if row[3] == _LISTENING and int(row[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{row[9]}]")
    return found
