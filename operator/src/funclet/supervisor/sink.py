"""Where the log goes: standard output, written without ever waiting for whoever reads it."""

from __future__ import annotations

import os
import stat
from select import EPOLLOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from funclet.supervisor.loop import Loop

#: how much is kept for a reader who is slow
BACKLOG_LIMIT = 1 << 20


class Sink:
    """A descriptor that takes what it can; the rest waits, and past a limit it is refused."""

    def __init__(self, loop: Loop, descriptor: int) -> None:
        self._loop = loop
        self._descriptor = _unshared(descriptor)
        self._backlog = bytearray()
        self._broken = False

    @property
    def full(self) -> bool:
        """Whether more would be refused."""
        return len(self._backlog) > BACKLOG_LIMIT

    def write(self, data: bytes) -> None:
        """Write, now or when the reader takes it."""
        if self._broken:
            return
        if self._backlog:
            self._backlog += data
            return
        sent = self._write(data)
        if sent < len(data) and not self._broken:
            self._backlog += data[sent:]
            self._loop.register(self._descriptor, self._write_on, EPOLLOUT)

    def finish(self) -> None:
        """Write what is left, waiting at most for what a pipe takes at once."""
        if self._backlog and not self._broken:
            self._write(self._backlog)

    def _write(self, data: bytes | bytearray) -> int:
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return 0
        except OSError:
            # Nobody reads the log any more; functions go on.
            self._broken = True
            self._backlog.clear()
            return 0

    def _write_on(self, _events: int) -> None:
        del self._backlog[: self._write(self._backlog)]
        if not self._backlog:
            self._loop.unregister(self._descriptor)


def _unshared(descriptor: int) -> int:
    """Make writing not block, without changing what others hold of the same pipe."""
    if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        try:
            return os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            os.set_blocking(descriptor, False)
    elif stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        os.set_blocking(descriptor, False)
    return descriptor
