"""A proof by ledger: functions that tell the collector, load on them, and the verdict at its end."""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ledger.check import Verdict, check, executions
from ledger.manifest import function
from ledger.records import Call, events
from ledger.report import Report
from load.invoking import invoking
from load.open_loop import Load, load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from ledger.collector import Collector
    from release.release import Release

# Events of different loads never have the same number.
NUMBERS_OF_A_LOAD = 1_000_000
# Longer than any call of these tests may take; one that has no answer by then counts as failed.
SECONDS_TO_ANSWER = 90.0


@dataclass
class Proof:
    """One test's functions, loads and verdict, in one namespace."""

    release: Release
    namespace: str
    collector: Collector
    seed: int
    reports: list[Report]
    loads: list[Load] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(f"faults {self.seed}")  # noqa: S311  # to be the same again by its seed

    def apply(self, name: str, **spec: Any) -> None:
        """Apply a Function that tells the collector, and wait until it is Ready."""
        kubectl = self.release.kubectl
        kubectl.apply(function(name, self.collector.address, namespace=self.namespace, **spec))
        self.wait_ready(f"functions.funclet.dev/{name}")

    def wait_ready(self, what: str) -> None:
        """Wait as `kubectl wait --for=condition=Ready` does. Raises ClusterError."""
        self.release.kubectl(
            "wait", what, "-n", self.namespace, "--for=condition=Ready", "--timeout=60s", timeout=70
        )

    @contextlib.asynccontextmanager
    async def load(
        self,
        function: str,
        arrivals: Iterable[float] = (),
        *,
        qualifier: str = "",
        seconds: tuple[float, float] = (0.0, 0.0),
        url: str = "",
    ) -> AsyncIterator[Load]:
        """Load on a Function while the block runs; events work between two lengths of time.

        `url`: of one gateway; else the calls go through the Service.
        """
        number = len(self.loads)
        source = events(self.seed + number, seconds=seconds, first=number * NUMBERS_OF_A_LOAD)
        target = await asyncio.to_thread(self.release.target, function, self.namespace, qualifier)
        target = replace(target, url=url or target.url)
        async with invoking(target, SECONDS_TO_ANSWER) as caller, load(caller, source, arrivals) as offered:
            self.loads.append(offered)
            yield offered

    async def warm(self, function: str, qualifier: str = "") -> Call:
        """One call, answered. Raises AssertionError with the answer of one that failed."""
        async with self.load(function, qualifier=qualifier) as offered:
            offered.send()
            (call,) = await offered.answered()
        assert call.acked, call
        return call

    @property
    def calls(self) -> list[Call]:
        """All that were answered so far, over all loads."""
        return [call for offered in self.loads for call in offered.calls]

    def instances(self) -> set[str]:
        """All that have told the collector of an execution so far."""
        return {each.first.instance for each in executions(self.collector.records())}

    def busy(self) -> set[str]:
        """Names of pods in which an event runs now, as far as the collector was told."""
        running = (each for each in executions(self.collector.records()) if not each.end)
        return {each.first.instance.split()[0] for each in running}

    def verdict(self, name: str) -> Verdict:
        """The verdict over all loads so far; its line is printed, now and at the end of the session."""
        verdict = check(self.calls, self.collector.records())
        report = Report(name, verdict, self.seed)
        self.reports.append(report)
        print(report)
        return verdict
