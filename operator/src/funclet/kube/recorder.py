"""Events as Kubernetes keeps them: one object for each thing that was said, with a count of how often."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from funclet.kube.kinds import kind_of
from funclet.kube.objects import micro_time
from funclet.kube.port import Object
from funclet.plan.plan import Event, Key

#: bytes that Kubernetes allows a note
LONGEST_NOTE = 1024
#: what is said again within this time is counted, not told anew
_SERIES = timedelta(minutes=6)
_REMEMBERED = 4096
_LONGEST_NAME = 200

_Said = tuple[str, Event]


@dataclass(slots=True)
class _Series:
    name: str
    count: int
    last: datetime


class Recorder:
    """Decides whether an Event is a new object, or one more of a series. Does no I/O."""

    def __init__(self, component: str, instance: str) -> None:
        """`component`: who says it, as `funclet.dev/operator`; `instance`: which of them."""
        self._component = component
        self._instance = instance
        self._series: OrderedDict[_Said, _Series] = OrderedDict()

    def repeated(self, uid: str, event: Event, now: datetime) -> tuple[str, Object] | None:
        """Name the Event that says this already, and give the merge patch that counts it; None: there is none."""
        series = self._series.get((uid, event))
        if series is None or now - series.last > _SERIES:
            return None
        series.count += 1
        series.last = now
        return series.name, {"series": {"count": series.count, "lastObservedTime": micro_time(now)}}

    def made(self, key: Key, uid: str, event: Event, now: datetime) -> Object:
        """Make the manifest of a new Event about the object."""
        time = micro_time(now)
        said = f"{uid}\n{event}\n{self._instance}\n{time}"
        name = f"{key.name[:_LONGEST_NAME]}.{hashlib.sha256(said.encode()).hexdigest()[:16]}"
        self._series[uid, event] = _Series(name, 1, now)
        self._series.move_to_end((uid, event))
        if len(self._series) > _REMEMBERED:
            self._series.popitem(last=False)
        about = {"kind": key.kind, "namespace": key.namespace, "name": key.name, "uid": uid}
        return {
            "apiVersion": kind_of("Event").api_version,
            "kind": "Event",
            "metadata": {"name": name, "namespace": key.namespace},
            "eventTime": time,
            "reportingController": self._component,
            "reportingInstance": self._instance,
            "action": event.reason,
            "reason": event.reason,
            "type": event.type,
            "note": _cut(event.message),
            "regarding": {"apiVersion": kind_of(key.kind).api_version, **about},
        }

    def forget(self, uid: str, event: Event) -> None:
        """Tell it anew next time: its object is gone, or was never made."""
        self._series.pop((uid, event), None)


def _cut(message: str) -> str:
    return message.encode()[:LONGEST_NOTE].decode(errors="ignore")
