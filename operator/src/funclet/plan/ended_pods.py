"""Pods whose container ended are deleted, so that new ones take their place: with a back-off per revision."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from funclet.plan.labels import REVISION
from funclet.plan.plan import Key
from funclet.plan.pods import has_ended, is_leaving, is_over

_Object = Mapping[str, Any]
_FIRST: Final = 1.0
_LONGEST: Final = 60.0
#: a revision that lets this time pass after its back-off without an ended pod starts afresh
_FORGET: Final = timedelta(seconds=120)


@dataclass(frozen=True, slots=True)
class Streak:
    """How often in a row pods of a revision were deleted for having ended, and until when none is."""

    count: int
    until: datetime


@dataclass(frozen=True, slots=True)
class EndedPods:
    """What to delete, what to remember until the next look, and the seconds until then."""

    deletes: tuple[Key, ...] = ()
    streaks: Mapping[str, Streak] = field(default_factory=dict)
    look_again: float | None = None


def plan_ended(pods: Iterable[_Object], streaks: Mapping[str, Streak], now: str) -> EndedPods:
    """Choose among function pods; `streaks` is what the last look gave, by revision.

    A pod that ended for the first time goes at once, the next 1 s later, then 2 s, up to 60 s. One that its
    node gave up is replaced anyway and goes at once, always.
    """
    moment = datetime.fromisoformat(now)
    ended: dict[str, list[_Object]] = defaultdict(list)
    deletes: list[Key] = []
    for pod in pods:
        if is_leaving(pod) or not has_ended(pod):
            continue
        if is_over(pod):
            deletes.append(_key(pod))
        else:
            ended[_revision(pod)].append(pod)
    kept = {key: streak for key, streak in streaks.items() if key in ended or moment - streak.until < _FORGET}
    waits: list[float] = []
    for key, group in ended.items():
        streak = kept.get(key)
        if streak is not None and moment < streak.until:
            waits.append((streak.until - moment).total_seconds())
        else:
            deletes += map(_key, group)
            kept[key] = _longer(streak, moment)
    return EndedPods(tuple(sorted(deletes)), kept, min(waits, default=None))


def _longer(streak: Streak | None, now: datetime) -> Streak:
    count = streak.count + 1 if streak is not None else 1
    # The exponent is bounded before it is used.
    delay = min(_LONGEST, _FIRST * 2.0 ** min(count - 1, 10))
    return Streak(count, now + timedelta(seconds=delay))


def _revision(pod: _Object) -> str:
    return str((pod["metadata"].get("labels") or {}).get(REVISION, ""))


def _key(pod: _Object) -> Key:
    return Key("Pod", pod["metadata"]["namespace"], pod["metadata"]["name"])
