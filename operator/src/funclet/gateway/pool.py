"""The instances, waiters and starts of one revision."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

from funclet.api.values import parse_duration
from funclet.gateway.failure import Failure
from funclet.gateway.upstream import Link
from funclet.plan.revision import Revision
from funclet.scaling.backoff import NONE, Backoff

#: how much the newest observation counts in a running mean
_WEIGHT = 0.2
#: seconds
FIRST_VISIT = 0.05
#: seconds; what a start is taken to last before one was seen
_UNSEEN_START = 0.2


class Place:
    """One instance as the slots see it: idle, or busy with one call."""

    __slots__ = (
        "busy", "fit", "idle_since", "link", "met", "pool", "proven", "since", "start_time", "visit",
    )  # fmt: skip

    def __init__(self, link: Link, pool: "Pool", *, now: float, start_time: float) -> None:
        self.link = link
        self.pool = pool
        self.busy = False
        #: whether it may be given another call
        self.fit = True
        #: whether init is known to have succeeded
        self.proven = False
        self.idle_since = now
        #: when its call began
        self.since = now
        #: seconds from asking for the instance until it was there
        self.start_time = start_time
        #: when it came here
        self.met = now
        #: seconds after which it is tried again where it runs another gateway's call
        self.visit = FIRST_VISIT


#: told once: a place, or why there will be none
Deliver = Callable[["Place | Failure | None"], None]


class Waiter:
    """One call that waits; `deliver(None)` says that it waited too long."""

    __slots__ = ("again", "deadline", "deliver", "pool")

    def __init__(self, pool: "Pool", deadline: float, deliver: Deliver, *, again: bool = False) -> None:
        self.pool = pool
        self.deadline = deadline
        self.deliver = deliver
        #: whether it had an instance before, which did not take it
        self.again = again


class Pool:
    """What there is of one revision; the rules are in FunctionSlots."""

    __slots__ = (
        "backoff", "busy", "failed_in_init", "failure", "idle", "mean_duration", "places", "preparing", "retired",
        "revision", "start_time", "starting", "timeout", "waiters",
    )  # fmt: skip

    def __init__(self, revision: Revision) -> None:
        self.revision = revision
        #: seconds that a call may run
        self.timeout = parse_duration(revision.settings.timeout)
        #: the most recently used last
        self.idle: list[Place] = []
        self.places: set[Place] = set()
        self.busy = 0
        self.starting = 0
        #: first come, first served
        self.waiters: OrderedDict[Waiter, None] = OrderedDict()
        self.backoff: Backoff = NONE
        #: the last one; None again once a start succeeded
        self.failure: Failure | None = None
        #: whether that was an instance's own: others of the revision will fare alike
        self.failed_in_init = False
        #: seconds
        self.mean_duration: float | None = None
        self.start_time = _UNSEEN_START
        #: being made ready to take over: not ended to make room
        self.preparing = False
        #: no route leads here any more: what is idle ends
        self.retired = False

    def join(self, waiter: Waiter) -> None:
        """Queue a call; one that had an instance before goes in front, behind those of its like."""
        ahead = list(takewhile(lambda each: each.again, self.waiters)) if waiter.again else []
        self.waiters[waiter] = None
        if waiter.again:
            for each in (waiter, *reversed(ahead)):
                self.waiters.move_to_end(each, last=False)

    @property
    def proven(self) -> int:
        """Instances known to have come through init."""
        return sum(place.proven for place in self.places)

    @property
    def alive(self) -> bool:
        """Whether there is, or soon will be, anything of it."""
        return bool(self.places or self.starting or self.waiters)

    def has_hope(self, *, but: Place | None = None) -> bool:
        """Whether an instance may come free for a waiter although the last start failed; `but` does not count.

        That there are no more, for want of a node say, does not end those that are there; a fault in init does,
        unless they came through it.
        """
        if self.failed_in_init:
            return any(place.proven for place in self.places if place is not but)
        return self.starting > 0 or any(place is not but for place in self.places)

    def observe_call(self, seconds: float) -> None:
        """Take a call's duration into the mean."""
        mean = self.mean_duration
        self.mean_duration = seconds if mean is None else mean + _WEIGHT * (seconds - mean)

    def observe_start(self, seconds: float) -> None:
        """Take the time from asking for an instance to the end of its init into the mean."""
        self.start_time += _WEIGHT * (seconds - self.start_time)


@dataclass(frozen=True, slots=True)
class RevisionState:
    """What the reconciler is told of one revision."""

    live: int
    ready: int
    starting: int
    waiting: int
    #: whether calls without a qualifier go here
    serving: bool
    failure: Failure | None
