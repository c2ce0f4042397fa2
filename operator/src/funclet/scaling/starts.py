"""How many instances to start for the calls that wait."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Demand:
    """What is known of one revision when calls wait."""

    #: calls that wait for an instance
    waiting: int
    #: starts under way
    starting: int
    #: seconds that a call runs on average; None before the first one ended
    mean_duration: float | None
    #: seconds from asking for an instance until it can run its first call
    start_time: float
    #: starts that may be under way at once
    limit: int
    #: instances that may be added before the cap is reached; negative when over it
    room: int


def starts(demand: Demand) -> int:
    """Return how many starts to add now, so that those under way are worth their while.

    A waiter takes whatever frees first, so starts under way are at most waiters x mean duration / start time
    (at least one), at most the waiters, and within limit and room.
    """
    if demand.waiting <= 0:
        return 0
    useful = demand.waiting
    if demand.mean_duration is not None and demand.start_time > 0:
        worth = demand.waiting * demand.mean_duration / demand.start_time
        useful = max(1, int(min(demand.waiting, worth)))
    under_way = min(demand.waiting, useful, demand.limit)
    return max(0, min(under_way - demand.starting, demand.room))
