"""How long calls took, counted from the moment when each was due."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.records import Call


@dataclass(frozen=True)
class Latency:
    """Seconds over `n` calls."""

    n: int
    p50: float
    p95: float
    p99: float
    worst: float

    def __str__(self) -> str:
        times = ", ".join(
            f"{name} {seconds * 1000:.0f} ms"
            for name, seconds in (
                ("p50", self.p50),
                ("p95", self.p95),
                ("p99", self.p99),
                ("worst", self.worst),
            )
        )
        return f"{times} (n={self.n})"


def latency(calls: Iterable[Call], *, work: bool = True) -> Latency:
    """Of all calls, answered or not; without `work`, less the time for which the function was asked to work."""
    seconds = sorted(call.seconds - (0 if work else call.event.seconds) for call in calls)
    return Latency(len(seconds), *(quantile(seconds, part) for part in (0.5, 0.95, 0.99, 1.0)))


def quantile(ordered: list[float], part: float) -> float:
    """The smallest that `part` of all do not exceed; NaN of none."""
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)] if ordered else math.nan
