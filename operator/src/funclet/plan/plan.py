"""What a planner says is to be done: a value, applied elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Which object: kind, namespace, name."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Event:
    """A Kubernetes Event about the planned object; made on transitions only."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Deletes, then the status that must be known before, creates, applies, then the final status."""

    deletes: tuple[Key, ...] = ()
    #: written before `applies`: a number that is handed out must be remembered first
    status_before: Mapping[str, Any] | None = None
    #: made where they are absent, and never touched by this again
    creates: tuple[Mapping[str, Any], ...] = ()
    applies: tuple[Mapping[str, Any], ...] = ()
    #: the whole status that the object should have; sent only where it differs
    status: Mapping[str, Any] | None = None
    events: tuple[Event, ...] = ()
    #: seconds
    requeue_after: float | None = None
