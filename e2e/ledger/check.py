"""The checker: what callers were told against what was executed. A function of values."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ledger.records import Call, Record

TOLD = 20


@dataclass(frozen=True)
class Execution:
    """One execution of an event, from the `sequence` of its start to that of its end (0: there was none)."""

    first: Record
    start: int
    end: int

    @property
    def whole(self) -> bool:
        """Whether it started and ended."""
        return bool(self.start and self.end)


@dataclass(frozen=True)
class Verdict:
    """What was found. All but `n`, `acked`, `instances` and `executed_though_failed` should be 0.

    `failed`: calls that were not acked. `executed_though_failed`: of these, calls whose event ran to its end.
    `lost`: acked calls whose event did not run to its end as the answer says.
    `duplicates`: executions begun beyond the first of an event.
    `overlaps`: executions begun in an instance while another ran in it.
    `altered`: executions of another event than was sent under that number, and answers that belong to another event.
    `strangers`: executions of an event that nobody sent, or that end without a start.
    `problems` names the first of them, one line each. `instances`: how many the events ran in.
    """

    n: int
    acked: int
    failed: int
    executed_though_failed: int
    lost: int
    duplicates: int
    overlaps: int
    altered: int
    strangers: int
    instances: int
    problems: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing failed, was lost, ran twice, at once with another, or as another."""
        return not (self.failed or self.broken)

    @property
    def broken(self) -> int:
        """What no fault excuses: all that is counted but failed calls."""
        return self.lost + self.duplicates + self.overlaps + self.altered + self.strangers


def executions(records: Iterable[Record]) -> list[Execution]:
    """Put starts and ends together, in the order of their first record; a record told twice counts once."""
    found: dict[str, list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda record: record.sequence):
        found[record.execution].append(record)
    return [Execution(told[0], _first(told, "start"), _first(told, "end")) for told in found.values()]


def check(calls: Sequence[Call], records: Iterable[Record]) -> Verdict:
    """Hold what callers were told against what the function told."""
    executed = executions(records)
    by_number: dict[int, list[Execution]] = defaultdict(list)
    for each in executed:
        by_number[each.first.number].append(each)
    failed = [call for call in calls if not call.acked]
    problems = {
        "failed": [str(call) for call in failed],
        "lost": list(_lost(calls, executed)),
        "duplicates": list(_duplicates(by_number)),
        "overlaps": list(_overlaps(executed)),
        "altered": list(_altered(calls, by_number)),
        "strangers": list(_strangers(calls, executed)),
    }
    counts = {name: len(lines) for name, lines in problems.items()}
    told = [f"{name}: {line}" for name, lines in problems.items() for line in lines[:TOLD]]
    ran = sum(any(each.whole for each in by_number[call.event.number]) for call in failed)
    return Verdict(
        n=len(calls),
        acked=len(calls) - len(failed),
        executed_though_failed=ran,
        instances=len({each.first.instance for each in executed}),
        problems=tuple(told),
        **counts,
    )


def _first(records: Iterable[Record], kind: str) -> int:
    return next((record.sequence for record in records if record.kind == kind), 0)


def _lost(calls: Iterable[Call], executed: Iterable[Execution]) -> Iterator[str]:
    by_name = {each.first.execution: each for each in executed}
    for call in calls:
        name = call.told().get("execution")
        found = by_name.get(name) if isinstance(name, str) else None
        if call.acked and not (found and found.whole):
            yield str(call)


def _duplicates(by_number: Mapping[int, Sequence[Execution]]) -> Iterator[str]:
    for number, found in by_number.items():
        for again in found[1:]:
            where = f"{found[0].first.instance}, then in {again.first.instance}"
            yield f"event {number} ran in {where}"


def _overlaps(executed: Iterable[Execution]) -> Iterator[str]:
    """An execution that never ended (its process was killed) is taken to have lasted no longer than its start."""
    busy: dict[str, Execution] = {}
    for each in sorted(executed, key=lambda each: each.start):
        before = busy.get(each.first.instance)
        if before and before.end > each.start > 0:
            yield f"events {before.first.number} and {each.first.number} ran at once in {each.first.instance}"
        if before is None or each.end > before.end:
            busy[each.first.instance] = each


def _altered(calls: Iterable[Call], by_number: Mapping[int, Sequence[Execution]]) -> Iterator[str]:
    for call in calls:
        number, digest = call.event.number, call.event.digest
        for each in by_number.get(number, ()):
            if each.first.digest != digest:
                yield f"event {number} reached {each.first.instance} as another"
        told = call.told()
        if call.acked and (told.get("number"), told.get("digest")) != (number, digest):
            yield f"the answer belongs to another event: {call}"


def _strangers(calls: Iterable[Call], executed: Iterable[Execution]) -> Iterator[str]:
    sent = Counter(call.event.number for call in calls)
    for each in executed:
        if not each.start or each.first.number not in sent:
            yield f"event {each.first.number} in {each.first.instance}"
