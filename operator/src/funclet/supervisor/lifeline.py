"""What ends a runtime process whose supervisor was killed, and so can end nobody any more."""

from __future__ import annotations

import os
from fcntl import F_GETFL, F_SETFL, F_SETOWN, F_SETSIG, fcntl

from funclet.supervisor.signals import SIGKILL


class Lifeline:
    """A pipe from this process to one that inherits `descriptor`, and need know nothing of it.

    When the last writer is gone, the kernel signals whom the reading end names: here by SIGKILL, and the
    whole process group. Whoever holds that end may be as busy, or as deaf, as it likes.
    """

    def __init__(self) -> None:
        self.descriptor, self._writer = os.pipe2(os.O_CLOEXEC)

    def tie(self, group: int) -> None:
        """Tie a process group to the life of this process."""
        try:
            fcntl(self.descriptor, F_SETSIG, SIGKILL)
            fcntl(self.descriptor, F_SETOWN, -group)
            fcntl(self.descriptor, F_SETFL, fcntl(self.descriptor, F_GETFL) | os.O_ASYNC)
        except OSError:
            return  # the group has ended already, or this kernel has no such thing: nothing else rests on it

    def close(self) -> None:
        """Let go, once nobody is left."""
        os.close(self._writer)
        os.close(self.descriptor)
