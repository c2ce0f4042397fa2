"""What the ledger knows: events that are sent, calls as their sender saw them, records as the function told them."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ledger import probe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

OK = 200
# Characters of one to four bytes, and those that JSON escapes.
ALPHABET = 'aZ09 "\\/\n\u00e9\u4e16\U0001f600'


@dataclass(frozen=True)
class Event:
    """An event by its number, never the same within a run; the function works on it for `seconds`."""

    number: int
    seconds: float
    padding: str = ""

    def body(self) -> bytes:
        """As it is sent: a JSON object."""
        return json.dumps(self._content()).encode()

    @property
    def digest(self) -> str:
        """What the function must find, too."""
        return probe.digest(self._content())

    def _content(self) -> dict[str, Any]:
        return {"number": self.number, "seconds": self.seconds, "padding": self.padding}


def events(
    seed: int, *, seconds: tuple[float, float] = (0.0, 0.0), padding: int = 200, first: int = 0
) -> Iterator[Event]:
    """Events without end, numbered from `first`; work between two lengths, padding of up to so many characters."""
    chance = random.Random(f"events {seed}")  # noqa: S311  # a seed makes it the same again; nothing is secret
    number = first
    while True:
        text = "".join(chance.choices(ALPHABET, k=chance.randint(0, padding)))
        yield Event(number, round(chance.uniform(*seconds), 3), text)
        number += 1


@dataclass(frozen=True)
class Call:
    """What came of sending an event. Times are seconds on the sender's monotonic clock.

    `scheduled` is when it was due, whether or not the sender was in time. Without an answer `status` is 0 and `error`
    says why; `function_error` is the header of that name; `answer` is at most the first 2,000 bytes.
    """

    event: Event
    scheduled: float
    sent: float
    answered: float
    status: int = 0
    function_error: str = ""
    version: str = ""
    answer: bytes = b""
    error: str = ""

    @property
    def acked(self) -> bool:
        """Whether the caller was told that the event was executed."""
        return self.status == OK and not self.function_error and not self.error

    @property
    def seconds(self) -> float:
        """The latency, from the moment when it was due."""
        return self.answered - self.scheduled

    def told(self) -> dict[str, Any]:
        """The answer as an object; empty where it is none."""
        try:
            found = json.loads(self.answer)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def __str__(self) -> str:
        what = self.error or f"{self.status} {self.function_error} {self.answer.decode(errors='replace')}"
        return f"event {self.event.number}, {self.seconds:.3f} s after it was due: {what}"


@dataclass(frozen=True)
class Record:
    """One line of the collector: the `sequence` in which it came, and the time on the collector's monotonic clock."""

    sequence: int
    at: float
    kind: str
    number: int
    digest: str
    execution: str
    instance: str
    process: str
    version: str = ""


def read(lines: Iterable[str]) -> list[Record]:
    """The records of the collector's file. Raises ValueError, TypeError where a line is none."""
    return [Record(**json.loads(line)) for line in lines]
