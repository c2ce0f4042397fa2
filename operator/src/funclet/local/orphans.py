"""Processes that lost their parents: whoever a killed supervisor leaves behind is adopted here, and ended."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable

from funclet.supervisor.kernel import adopt_orphans
from funclet.supervisor.process import children, descendants

#: seconds until what will not die is killed again, and until it is given up
_PAUSE, _PATIENCE = 0.005, 5.0


class Orphans:
    """Makes this process the one that the kernel hands orphans to: a supervisor below it does the same for its own.

    So whatever is a child here, and was not started here, came of a supervisor that was killed.
    """

    def __init__(self) -> None:
        """Raises OSError."""
        adopt_orphans()
        #: children of whatever this process was before it ran Funclet
        self._inherited = frozenset(children(os.getpid()))

    async def end(self, started: Callable[[], set[int] | None]) -> None:
        """End all orphans with all that descends from them.

        `started` gives the children that were started here and are waited for there; None says that one is
        being started, so that nobody can tell.
        """
        latest = time.monotonic() + _PATIENCE
        while time.monotonic() < latest:
            if (spared := started()) is not None:
                orphans = set(children(os.getpid())) - spared - self._inherited
                if not orphans:
                    return
                for pid in orphans:
                    _end(pid)
            await asyncio.sleep(_PAUSE)


def _end(orphan: int) -> None:
    """Kill it and what is below it, and collect it, and only it: others have somebody who waits for them."""
    for pid in (orphan, *descendants(orphan)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(orphan, os.WNOHANG)
