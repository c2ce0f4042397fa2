"""Signals without the signal module's enumerations, which cost 3 ms of a cold start."""

from _signal import (  # type: ignore[import-not-found]  # the C half has no stubs
    SIG_DFL,
    SIG_IGN,
    SIGCHLD,
    SIGHUP,
    SIGINT,
    SIGKILL,
    SIGTERM,
    alarm,
    set_wakeup_fd,
    signal,
)

__all__ = [
    "SIGCHLD",
    "SIGHUP",
    "SIGINT",
    "SIGKILL",
    "SIGTERM",
    "SIG_DFL",
    "SIG_IGN",
    "alarm",
    "set_wakeup_fd",
    "signal",
]
