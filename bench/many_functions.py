"""Many Functions applied at once to the installed release: when all are Ready, and what the operator needs for it."""

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from faults import pods
from funclet.kube.client import ClusterKube
from release.release import Release

_TICKS = os.sysconf("SC_CLK_TCK")
#: applies under way at once
_TOGETHER = 16
#: seconds in which whatever looks again after a burst has looked, and over which idling is measured
_SETTLE = 15.0
_IDLE = 30.0
_MEMORY, _CPU, _READY = 200.0, 2.0, 120.0


@dataclass(frozen=True)
class Process:
    """A process of this machine."""

    pid: int

    @property
    def cpu_seconds(self) -> float:
        """Seconds of CPU that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def megabytes(self, field: str) -> float:
        """Memory: VmRSS now, VmHWM at its highest."""
        lines = dict(line.split(":", 1) for line in Path(f"/proc/{self.pid}/status").read_text().splitlines())
        return int(lines[field].split()[0]) / 1024


@dataclass(frozen=True)
class Many:
    """The measurement, in one namespace."""

    kube: ClusterKube
    namespace: str
    release: Release

    async def rows(self, count: int, terminal: Console) -> list[list[str]]:
        """Measure; rows of figure, goal, value. The operator has to run on this machine."""
        operator = self._operator()
        before, begun = operator.cpu_seconds, time.monotonic()
        await self._apply(count)
        terminal.print(f"{count} Functions applied in {time.monotonic() - begun:.0f} s", style="dim")
        await self._until_ready(count)
        ready, used = time.monotonic() - begun, operator.cpu_seconds - before
        await asyncio.sleep(_SETTLE)
        rested = operator.cpu_seconds
        await asyncio.sleep(_IDLE)
        idle = 100 * (operator.cpu_seconds - rested) / _IDLE
        return [
            _row(f"{count:,} Functions applied at once, until all are Ready", ready, "s", _READY),
            _row("CPU of the operator until then", used, "s"),
            _row("memory of the operator afterwards", operator.megabytes("VmRSS"), "MB", _MEMORY),
            _row("memory of the operator at its highest", operator.megabytes("VmHWM"), "MB", _MEMORY),
            _row("CPU of the idle operator", idle, "% of a core", _CPU),
        ]

    def _operator(self) -> Process:
        (pod,) = self.release.pods("operator")
        running = pods.processes(pod)
        if not running:
            raise RuntimeError("the operator does not run on this machine: measure with PROVIDER=host")
        return Process(running[-1])

    async def _apply(self, count: int) -> None:
        some = asyncio.Semaphore(_TOGETHER)

        async def one(number: int) -> None:
            async with some:
                await self.kube.apply(self._function(number), manager="bench")

        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(one(number))

    async def _until_ready(self, count: int) -> None:
        async with asyncio.timeout(10 * _READY):
            while True:
                found = await self.kube.list("Function", self.namespace)
                if sum(map(_is_ready, found)) >= count:
                    return
                await asyncio.sleep(0.5)

    def _function(self, number: int) -> dict[str, object]:
        code = f"def handler(event, context):\n    return {number}\n"
        return {
            "apiVersion": "funclet.dev/v1alpha1",
            "kind": "Function",
            "metadata": {"name": f"many-{number:05}", "namespace": self.namespace},
            "spec": {"runtime": "python", "handler": "app.handler", "code": {"inline": {"app.py": code}}},
        }


def _is_ready(function: dict[str, object]) -> bool:
    status = function.get("status")
    conditions = status.get("conditions") if isinstance(status, dict) else ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions or ())


def _row(name: str, value: float, unit: str, goal: float | None = None) -> list[str]:
    missed = " (missed)" if goal is not None and value > goal else ""
    wanted = f"≤ {goal:g} {unit}" if goal is not None else ""
    return [name, wanted, f"{value:.3g} {unit}{missed}", "", "", "1"]
