"""Three requests to the kernel that the standard library has no name for."""

from __future__ import annotations

from _ctypes import call_function, dlopen, dlsym  # the Python half costs 5 ms of a cold start

_SET_PDEATHSIG = 1
_SET_DUMPABLE = 4
_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int) -> None:
    itself = dlopen(None, 0)  # type: ignore[arg-type]  # the stub knows no handle for the process itself
    if call_function(dlsym(itself, "prctl"), (option, value, 0, 0, 0)) != 0:
        raise OSError(f"prctl({option}, {value}) is refused")


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def hide_memory() -> None:
    """Keep processes of the same user, the function's among them, from reading this one's memory."""
    _prctl(_SET_DUMPABLE, 0)


def tell_parent_death(signal: int) -> None:
    """Have `signal` sent to this process when its parent ends."""
    _prctl(_SET_PDEATHSIG, signal)
