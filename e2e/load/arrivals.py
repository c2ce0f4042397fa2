"""When calls fall due: schedules as offsets in seconds from the load's start, never falling."""

from __future__ import annotations

import heapq
import itertools
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def constant(rate: float) -> Iterator[float]:
    """`rate` calls a second, evenly, without end."""
    return (count / rate for count in itertools.count())


def poisson(rate: float, seed: int) -> Iterator[float]:
    """`rate` calls a second on average, each independent of all others, without end."""
    chance = random.Random(f"poisson {seed}")  # noqa: S311  # a seed makes it the same again; nothing is secret
    return itertools.accumulate(chance.expovariate(rate) for _ in itertools.count())


def bursts(size: int, every: float) -> Iterator[float]:
    """`size` calls at once, every so many seconds, without end."""
    return (every * burst for burst in itertools.count() for _ in range(size))


def pauses(shortest: float, longest: float, seed: int) -> Iterator[float]:
    """One call at a time after pauses of random length, without end: to hit every moment of something that takes a while."""
    chance = random.Random(f"pauses {seed}")  # noqa: S311  # as above
    return itertools.accumulate(chance.uniform(shortest, longest) for _ in itertools.count())


def lasting(seconds: float, arrivals: Iterable[float]) -> Iterator[float]:
    """Those that fall due within so many seconds."""
    return itertools.takewhile(lambda due: due < seconds, arrivals)


def together(*schedules: Iterable[float]) -> Iterator[float]:
    """Several schedules as one."""
    return heapq.merge(*schedules)
