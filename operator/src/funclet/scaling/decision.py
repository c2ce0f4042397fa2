"""How many instances of one revision to start, and which to end: all of scaling in one function of values."""

from dataclasses import dataclass

from funclet.scaling.idle import expired
from funclet.scaling.starts import Demand, starts


@dataclass(frozen=True, slots=True)
class Load:
    """What is known of one revision."""

    #: calls that wait for an instance
    waiting: int = 0
    #: starts under way
    starting: int = 0
    #: instances, those that run a call too
    live: int = 0
    #: since when each instance that runs no call does so
    idle_since: tuple[float, ...] = ()
    #: seconds that a call runs on average; None before the first one ended
    mean_duration: float | None = None
    #: seconds from asking for an instance until it can run its first call
    start_time: float = 0.2
    #: starts failed so lately that none is tried
    backing_off: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the function's settings and the platform allow it."""

    #: seconds after which an idle instance ends
    idle: float
    #: instances that stand by, calls or none
    floor: int = 0
    #: starts that may be under way at once
    starts: int = 8
    #: instances that may be added before the cap is reached; negative when over it
    free: int = 1000
    #: idle instances of the function's other revisions, which may end to make room for calls that wait
    spare: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now."""

    start: int = 0
    #: idle instances of other revisions to end first
    displace: int = 0
    #: indices into `Load.idle_since`, the longest idle first
    end: tuple[int, ...] = ()


def decide(load: Load, bounds: Bounds, now: float) -> Decision:
    """Decide; times are seconds of one monotonic clock.

    Up: starts for calls that wait (see `starts`), within the cap, and up to the floor whatever the cap. None while
    starts back off. Down: what has been idle for its time, but for the floor.
    """
    end = expired(load.idle_since, now=now, idle=bounds.idle, live=load.live, minimum=bounds.floor)
    if load.backing_off:
        return Decision(end=tuple(end))
    free = max(0, bounds.free)
    for_calls = starts(
        Demand(
            waiting=load.waiting,
            starting=load.starting,
            mean_duration=load.mean_duration,
            start_time=load.start_time,
            limit=bounds.starts,
            room=free + bounds.spare,
        )
    )
    missing = min(bounds.floor - load.live, bounds.starts) - load.starting
    return Decision(max(for_calls, missing, 0), max(0, for_calls - free), tuple(end))
