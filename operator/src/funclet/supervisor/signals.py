"""Signals without the signal module's enumerations, which cost 3 ms of a cold start."""

from _signal import (  # type: ignore[import-not-found]  # the C half has no stubs
    SIG_IGN,
    SIGCHLD,
    SIGHUP,
    SIGINT,
    SIGKILL,
    SIGTERM,
    set_wakeup_fd,
    signal,
)

__all__ = ["SIGCHLD", "SIGHUP", "SIGINT", "SIGKILL", "SIGTERM", "SIG_IGN", "set_wakeup_fd", "signal"]
