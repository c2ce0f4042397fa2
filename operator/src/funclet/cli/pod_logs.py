"""Reading the logs of several pods as one: what is there by time, or whatever comes as it comes."""

import heapq
import json
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from funclet.cli.errors import CliError
from funclet.cli.http import Answer, Server, UnreachableError
from funclet.cli.pods import CONTAINER, Following, Run, Step

#: one line, with its end, after the time at which it was written; a node's times are all of one zone and width
Stamped = tuple[str, bytes]
#: gives the runs that there are now, whenever that changes; ends when it was long enough
Watch = Callable[[], Iterator[tuple[Run, ...]]]

_PAUSE = 1.0
#: seconds for which an API server may be away while it is followed
_AWAY = 30.0
#: lines that wait to be written; then no more are read
_BACKLOG = 1000


@dataclass(frozen=True, slots=True)
class PodLogs:
    """The logs of pods in one namespace."""

    #: gives the API server, by credentials that are good now
    server: Callable[[], Server]
    #: path of the namespace's pods
    path: str
    #: makes the error of an answer that is none
    refusal: Callable[[Answer], CliError]
    #: tells a person what is no line of a log
    tell: Callable[[str], None]

    def read(self, runs: tuple[Run, ...], *, tail: int | None) -> Iterator[bytes]:
        """All lines by time, or the newest; where there are several runs, each line says whose it is."""
        prefixed = len(runs) > 1
        streams = [_marked(self._lines(run, tail=tail), run, prefixed=prefixed) for run in runs]
        merged = (line for _, line in heapq.merge(*streams, key=_moment))
        yield from merged if tail is None else deque(merged, tail)

    def follow(self, watch: Watch, *, tail: int | None, idle: str) -> Iterator[bytes]:
        """Lines as they come, each saying whose it is, without end; `idle` is told when nothing runs.

        Of each pod that is there already, `tail` bounds what is old.
        """
        events: queue.Queue[Any] = queue.Queue(_BACKLOG)
        following = Following()
        self._start(partial(self._watch, watch), events)
        first = True
        while True:
            match events.get():
                case bytes(line):
                    yield line
                case Run() as ended:
                    self._tell_over(following.end(ended))
                case tuple(runs):
                    step = following.see(runs)
                    for run in step.opened:
                        self._start(partial(self._stream, run, tail if first else None), events)
                    if first and not runs:
                        self.tell(idle)
                    first = False
                    self._tell_over(step)
                case error:
                    raise error

    def _tell_over(self, step: Step) -> None:
        for run, last in step.over:
            more = "; nothing runs until the next call" if last else ""
            self.tell(f"Pod {run.pod} is gone, and its log with it{more}.")

    @staticmethod
    def _start(work: Callable[["queue.Queue[Any]"], None], events: "queue.Queue[Any]") -> None:
        # They end with the command, whatever they wait for.
        threading.Thread(target=_guarded, args=(work, events), daemon=True).start()

    def _watch(self, watch: Watch, events: "queue.Queue[Any]") -> None:
        deadline = time.monotonic() + _AWAY
        while True:
            try:
                for runs in watch():
                    events.put(runs)
                    deadline = time.monotonic() + _AWAY
            except UnreachableError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE)

    def _stream(self, run: Run, tail: int | None, events: "queue.Queue[Any]") -> None:
        """Pass on all lines of a run until its container ends, over broken connections too."""
        last = ""
        while True:
            try:
                for stamp, line in self._lines(run, tail=tail, follow=True, since=last):
                    last = stamp
                    events.put(run.prefix + line)
            except UnreachableError:
                tail = None if last else tail
                time.sleep(_PAUSE)
            else:
                events.put(run)
                return

    def _lines(
        self, run: Run, *, tail: int | None, follow: bool = False, since: str = ""
    ) -> Iterator[Stamped]:
        """The lines after the time `since`."""
        query = {
            "container": CONTAINER,
            "timestamps": "true",
            "follow": "true" if follow else None,
            "tailLines": None if tail is None else str(tail),
            "sinceTime": since or None,
        }
        for line in self.server().lines(f"{self.path}/{run.pod}/log", query=query):
            if isinstance(line, Answer):
                self._without(run, line)
                return
            stamp, _, text = line.partition(b" ")
            if (told := stamp.decode("latin-1")) > since:
                yield told, text if text.endswith(b"\n") else text + b"\n"

    def _without(self, run: Run, answer: Answer) -> None:
        """Raises CliError where no log can be read; of one that is gone, or whose node is, the rest is read."""
        error = self.refusal(answer)
        if answer.status in {401, 403}:
            raise error
        self.tell(f"The log of pod {run.pod} cannot be read: {error}")


def _marked(lines: Iterator[Stamped], run: Run, *, prefixed: bool) -> Iterator[Stamped]:
    prefix = run.prefix if prefixed else b""
    return ((stamp, prefix + line) for stamp, line in lines)


def _moment(line: Stamped) -> datetime:
    try:
        return datetime.fromisoformat(line[0])
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _guarded(work: Callable[["queue.Queue[Any]"], None], events: "queue.Queue[Any]") -> None:
    try:
        work(events)
    except Exception as error:  # noqa: BLE001 - raised where the lines are read
        events.put(error)


def pods_from(line: bytes, known: dict[str, Any]) -> bool:
    """Bring the pods that are known, by uid, up to date by one event of a watch; False ends it."""
    event = json.loads(line)
    if event["type"] == "ERROR":
        return False
    if event["type"] != "BOOKMARK":
        uid = event["object"]["metadata"]["uid"]
        known.pop(uid, None)
        if event["type"] != "DELETED":
            known[uid] = event["object"]
    return True
