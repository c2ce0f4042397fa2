"""A forked process that does one thing which may block, so that the loop never does."""

from __future__ import annotations

import os

from funclet.supervisor import kernel
from funclet.supervisor.memory import OWN
from funclet.supervisor.signals import (
    SIG_DFL,
    SIGCHLD,
    SIGHUP,
    SIGINT,
    SIGKILL,
    SIGTERM,
    alarm,
    set_wakeup_fd,
    signal,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from funclet.supervisor.loop import Loop

#: what a pipe takes at one stroke
RESULT_LIMIT = 4096


class Child:
    """Calls `work` in a forked process and `done`, in this one, with the bytes that it returned.

    They are empty if the process was ended or took longer than `limit` seconds. What `work` raises is told by
    name and message instead, in one line.
    """

    def __init__(
        self, loop: Loop, work: Callable[[], bytes], done: Callable[[bytes], None], limit: int
    ) -> None:
        """Fork. Raises OSError."""
        self._loop = loop
        self._done = done
        self._result, write_end = os.pipe2(os.O_CLOEXEC)
        parent = os.getpid()
        try:
            self._pid = os.fork()
        except OSError:
            os.close(self._result)
            raise
        finally:
            if os.getpid() == parent:
                os.close(write_end)
        if self._pid == 0:
            _live(work, write_end, parent, limit)
        OWN.add(self._pid)
        loop.register(self._result, self._read)

    def _read(self, _events: int) -> None:
        result = os.read(self._result, RESULT_LIMIT)
        self._loop.unregister(self._result)
        os.close(self._result)
        OWN.discard(self._pid)
        self._done(result)


def _live(work: Callable[[], bytes], write_end: int, parent: int, limit: int) -> None:
    """All of the child's life; never returns."""
    try:
        _let_go(write_end)
        alarm(limit)
        kernel.tell_parent_death(SIGKILL)
        if os.getppid() == parent:
            os.write(write_end, _result(work)[:RESULT_LIMIT])
    finally:
        os._exit(0)


def _result(work: Callable[[], bytes]) -> bytes:
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - nobody else is there to tell it, and silence reads as a timeout
        return " ".join(f"{type(error).__name__}: {error}".split()).encode(errors="backslashreplace")


def _let_go(kept: int) -> None:
    """Neither take part in the parent's signals nor hold its connections open."""
    set_wakeup_fd(-1)
    for number in (SIGCHLD, SIGTERM, SIGHUP, SIGINT):
        signal(number, SIG_DFL)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - pathlib costs milliseconds of a cold start
        descriptor = int(name)
        if descriptor > 2 and descriptor != kept:  # noqa: PLR2004 - standard input, output, error
            try:
                os.close(descriptor)
            except OSError:
                continue  # that of the listing itself
