"""Measure this checkout on this machine; print a table and write docs/performance.md."""

import argparse
import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import closed_loop
import subjects
from told import console, markdown, show

_DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"
_EIGHT = 8
_COLUMNS = ("figure", "goal", "measured", "spread", "plain", "ratio", "per CPU-second")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: the median of its rounds, and beside it a plain process in the same rounds."""

    figure: str
    goal: str
    unit: str
    reached: Callable[[float], bool]
    measured: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    per_cpu_second: list[float] = field(default_factory=list)

    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        middle, plain = statistics.median(self.measured), statistics.median(self.plain)
        mark = "" if self.reached(middle) else " (missed)"
        return (
            self.figure,
            self.goal,
            f"{_number(middle)} {self.unit}{mark}",
            f"{_number(min(self.measured))} to {_number(max(self.measured))}",
            f"{_number(plain)} {self.unit}",
            f"{middle / plain:.2f}",
            _number(statistics.median(self.per_cpu_second)) if self.per_cpu_second else "",
        )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _loaded(
    server: subjects.Server,
    request: Callable[[int], bytes],
    connections: int,
    seconds: float,
    *,
    greeting: bool = False,
) -> tuple[closed_loop.Load, float]:
    """A run, after a short one that is not counted, and its requests per CPU-second of the server."""
    closed_loop.run(
        server.address, request, connections=connections, seconds=min(1.0, seconds), greeting=greeting
    )
    before = server.cpu_seconds()
    result = closed_loop.run(
        server.address, request, connections=connections, seconds=seconds, greeting=greeting
    )
    used = max(server.cpu_seconds() - before, 0.01)
    if result.failed:
        raise RuntimeError(f"{result.failed} requests failed")
    return result, len(result.latencies) / used


def _warm(rounds: int, seconds: float) -> Iterator[Row]:
    one = Row("warm p50, c=1, gateway and supervisor", "≤ 1.5", "ms", lambda value: value <= 1.5)
    eight = Row("invocations/s, c=8, gateway and supervisors", "≥ 2,000", "/s", lambda value: value >= 2000)
    for _ in range(rounds):
        with subjects.plain_server() as server:
            request = subjects.invoke_request("hello0", server.port)
            one.plain.append(_loaded(server, subjects.always(request), 1, seconds)[0].quantile(0.5))
            eight.plain.append(_loaded(server, subjects.always(request), _EIGHT, seconds)[0].per_second)
        with subjects.local_mode() as server:
            request = subjects.invoke_request("hello0", server.port)
            result, per_cpu = _loaded(server, subjects.always(request), 1, seconds)
            one.measured.append(result.quantile(0.5))
            one.per_cpu_second.append(per_cpu)
            result, per_cpu = _loaded(server, subjects.always(request), _EIGHT, seconds)
            eight.measured.append(result.per_second)
            eight.per_cpu_second.append(per_cpu)
    yield from (one, eight)


def _cold(starts: int) -> Iterator[Row]:
    row = Row("cold start p50, a fresh process", "≤ 120", "ms", lambda value: value <= 120)
    with subjects.local_mode(starts) as server:
        for number in range(starts):
            row.plain.append(subjects.plain_start())
            row.measured.append(subjects.first_invocation(server, f"hello{number}"))
    yield row


def _supervisor(rounds: int, seconds: float) -> Iterator[Row]:
    row = Row(
        "invocations/s, c=1, supervisor and Python client alone", "≥ 8,000", "/s", lambda value: value >= 8000
    )
    for _ in range(rounds):
        with subjects.plain_server() as server:
            row.plain.append(_loaded(server, subjects.supervisor_request, 1, seconds)[0].per_second)
        with subjects.bare_supervisor() as server:
            result, per_cpu = _loaded(server, subjects.supervisor_request, 1, seconds, greeting=True)
            row.measured.append(result.per_second)
            row.per_cpu_second.append(per_cpu)
    yield row


def _document(rows: list[Row], rounds: int, seconds: float) -> str:
    lines = [
        "# Performance",
        "",
        "Written by `make bench`; measured, not promised. A hello in Python; the load generator runs on the same cores.",
        f"Medians of {rounds} rounds of {seconds:g} s (cold: of all starts). *Plain* is an asyncio server that answers at once,",
        "and for cold starts a Python process that prints one line; *ratio* is measured ÷ plain in the same run.",
        "",
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, CPython {platform.python_version()}.",
        "",
        *markdown(_COLUMNS, (row.cells() for row in rows)),
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--starts", type=int, default=30)
    parser.add_argument("--no-write", action="store_true", help="leave docs/performance.md alone")
    options = parser.parse_args()
    terminal = console()
    rows: list[Row] = []
    runs: tuple[tuple[str, Callable[[], Iterator[Row]]], ...] = (
        ("warm invocations", lambda: _warm(options.rounds, options.seconds)),
        ("cold starts", lambda: _cold(options.starts)),
        ("the supervisor alone", lambda: _supervisor(options.rounds, options.seconds)),
    )
    for title, run in runs:
        terminal.print(f"measuring {title} ...", style="dim")
        rows += run()
    show(terminal, _COLUMNS, (row.cells() for row in rows))
    if not options.no_write:
        _DOCUMENT.write_text(_document(rows, options.rounds, options.seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
