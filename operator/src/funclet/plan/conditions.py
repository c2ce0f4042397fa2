"""Conditions as kstatus reads them: one verdict gives Ready, Reconciling and Stalled, which so always agree."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from funclet.api.base import Condition
from funclet.plan import reasons
from funclet.plan.plan import Event

#: every type that Funclet writes; others are somebody else's
OWN: Final = frozenset({"Ready", "Reconciling", "Stalled", "Active", "AliasFollows"})
Status = Literal["True", "False", "Unknown"]
State = Literal["Ready", "Reconciling", "Stalled"]

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_MAX_MESSAGE = 1024

_KSTATUS: dict[State, tuple[tuple[str, Status], ...]] = {
    "Ready": (("Ready", "True"), ("Reconciling", "False"), ("Stalled", "False")),
    "Reconciling": (("Ready", "Unknown"), ("Reconciling", "True"), ("Stalled", "False")),
    "Stalled": (("Ready", "False"), ("Reconciling", "False"), ("Stalled", "True")),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of an object: its state, a named reason and a sentence."""

    state: State
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A condition outside of the verdict, such as Active."""

    type: str
    status: Status
    reason: str
    message: str = ""


def conditions(
    verdict: Verdict,
    *marks: Mark,
    previous: Sequence[Condition],
    generation: int | None,
    now: str,
) -> list[Condition]:
    """All conditions of an object, in a fixed order.

    A condition keeps its lastTransitionTime as long as its status stays, unless that time is no RFC 3339
    second in UTC or lies after `now`: only somebody else can have written such a one.
    """
    before = {condition.type: condition for condition in previous}
    said = [Mark(type_, status, verdict.reason, verdict.message) for type_, status in _KSTATUS[verdict.state]]
    return [
        Condition(
            type=mark.type,
            status=mark.status,
            reason=mark.reason,
            message=mark.message[:_MAX_MESSAGE],
            last_transition_time=_since(before.get(mark.type), mark.status, now),
            observed_generation=generation,
        )
        for mark in (*said, *marks)
    ]


def _since(before: Condition | None, status: Status, now: str) -> str:
    if before is None or before.status != status:
        return now
    since = before.last_transition_time
    return since if _TIMESTAMP.fullmatch(since) and since <= now else now


def transition(verdict: Verdict, previous: Iterable[Condition]) -> tuple[Event, ...]:
    """Tell of a new verdict: no event while it stays the same, and none for work under way."""
    ready = find("Ready", previous)
    ((_, status), *_) = _KSTATUS[verdict.state]
    if verdict.state == "Reconciling" or (
        ready is not None and (ready.status, ready.reason) == (status, verdict.reason)
    ):
        return ()
    return (Event("Normal" if verdict.state == "Ready" else "Warning", verdict.reason, verdict.message),)


def mark_transition(mark: Mark, previous: Iterable[Condition]) -> tuple[Event, ...]:
    """Warn where the mark has just turned False."""
    before = find(mark.type, previous)
    if mark.status != "False" or (before is not None and before.reason == mark.reason):
        return ()
    return (Event("Warning", mark.reason, mark.message),)


def find(type_: str, among: Iterable[Condition]) -> Condition | None:
    """Find the condition of this type."""
    return next((condition for condition in among if condition.type == type_), None)


def active(instances: int) -> Mark:
    """Active stands apart from Ready: a function scaled to zero is ready to be called."""
    if instances > 0:
        return Mark("Active", "True", reasons.INSTANCES_RUNNING, f"{instances} running")
    return Mark("Active", "False", reasons.SCALED_TO_ZERO, "no instance runs; the next call starts one")
