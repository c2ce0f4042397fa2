"""A verdict for people: one line, and what was wrong below it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.check import Verdict


@dataclass(frozen=True)
class Report:
    """A verdict with what it is of: the faults (`pods deleted x 20`), the seed of the load, the tier of the test."""

    name: str
    verdict: Verdict
    seed: int
    tier: int = 3

    def line(self) -> str:
        """`NAME: 0 of N calls failed …`; where none failed, with the rate that N calls rule out at 95 %."""
        found = self.verdict
        parts = [
            f"{found.failed} of {found.n} calls failed{_bound(found)}",
            f"{found.lost} of {found.acked} acked lost",
            f"{found.duplicates} ran twice",
            f"{found.overlaps} overlaps in {found.instances} instances",
            f"{found.altered} altered",
        ]
        parts += [f"{found.strangers} strangers"] if found.strangers else []
        parts += [f"{found.executed_though_failed} ran though they failed"] if found.failed else []
        return f"{self.name}: {', '.join(parts)} (tier {self.tier}, seed {self.seed})"

    def __str__(self) -> str:
        return "\n".join([self.line(), *(f"  {problem}" for problem in self.verdict.problems)])


def _bound(found: Verdict) -> str:
    return f" (<= {3 / found.n:.2%})" if found.n and not found.failed else ""
