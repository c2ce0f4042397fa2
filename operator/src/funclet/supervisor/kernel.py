"""Three requests to the kernel that the standard library has no name for.

Imported after the runtime's start: ctypes costs milliseconds.
"""

from __future__ import annotations

import ctypes

_SET_PDEATHSIG = 1
_SET_DUMPABLE = 4
_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int) -> None:
    result = ctypes.CDLL(None, use_errno=True).prctl(option, ctypes.c_ulong(value), 0, 0, 0)
    if result != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def hide_memory() -> None:
    """Keep processes of the same user, the function's among them, from reading this one's memory."""
    _prctl(_SET_DUMPABLE, 0)


def tell_parent_death(signal: int) -> None:
    """Have `signal` sent to this process when its parent ends."""
    _prctl(_SET_PDEATHSIG, signal)
