"""The containers of a function that have a log, as its pods tell it. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from funclet.plan.names import label_value

#: told again here, because importing them from the planner takes longer than all the rest
FUNCTION = "funclet.dev/function"
VERSION = "funclet.dev/version"
CONTAINER = "function"
#: letters of a pod's name that tell it from the others of its revision
_TELLING = 5


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a function's container: each has a log of its own."""

    pod: str
    version: str
    #: of the pod, so that another one of its name is another one
    uid: str
    #: of the container
    id: str

    @property
    def prefix(self) -> bytes:
        """What is set before its lines where there are several."""
        return f"{self.version}/{self.pod[-_TELLING:]}  ".encode()


def selector(function: str) -> str:
    """Selects the pods of a function, and of few others: a long name is cut short in a label."""
    return f"{FUNCTION}={label_value(function)}"


def runs_of(pods: Iterable[Mapping[str, Any]], function: str, versions: frozenset[str]) -> tuple[Run, ...]:
    """The runs that have a log, the oldest pod first; of these versions, or of all where none is named."""
    ours = [each for each in pods if _is_of(each["metadata"], function, versions)]
    ours.sort(key=lambda each: (str(each["metadata"].get("creationTimestamp")), each["metadata"]["name"]))
    return tuple(run for each in ours for run in _runs(each))


def _is_of(metadata: Mapping[str, Any], function: str, versions: frozenset[str]) -> bool:
    told = metadata.get("annotations") or {}
    return told.get(FUNCTION, function) == function and (not versions or told.get(VERSION) in versions)


def _runs(pod: Mapping[str, Any]) -> Iterator[Run]:
    metadata = pod["metadata"]
    version = (metadata.get("annotations") or {}).get(VERSION, "?")
    for container in pod.get("status", {}).get("containerStatuses") or ():
        state = container.get("state") or {}
        begun = "running" in state or "terminated" in state
        if container.get("name") == CONTAINER and begun and container.get("containerID"):
            yield Run(metadata["name"], version, metadata["uid"], container["containerID"])


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done now: logs to open, and pods that are over, each with whether it was the last."""

    opened: tuple[Run, ...] = ()
    over: tuple[tuple[Run, bool], ...] = ()


class Following:
    """Which logs are being followed, and which pods are there."""

    def __init__(self) -> None:
        self._open: set[Run] = set()
        self._seen: set[Run] = set()
        self._there: set[Run] = set()
        self._gone: list[Run] = []

    def see(self, runs: Sequence[Run]) -> Step:
        """Take notice of the runs that there are now."""
        opened = tuple(run for run in runs if run not in self._seen)
        self._open |= set(opened)
        uids = {run.uid for run in runs}
        left = {run.uid: run for run in self._there if run.uid not in uids}
        self._gone += sorted(left.values(), key=lambda run: run.pod)
        self._there = set(runs)
        self._seen = self._there | self._open
        return Step(opened, self._over())

    def end(self, run: Run) -> Step:
        """Take notice that all of a run's log was read."""
        self._open.discard(run)
        return Step(over=self._over())

    def _over(self) -> tuple[tuple[Run, bool], ...]:
        """The pods that are gone and read out."""
        read = {run.uid for run in self._gone} - {run.uid for run in self._open}
        over = [run for run in self._gone if run.uid in read]
        self._gone = [run for run in self._gone if run.uid not in read]
        last = not (self._there or self._gone)
        return tuple((run, last and number == len(over)) for number, run in enumerate(over, 1))
