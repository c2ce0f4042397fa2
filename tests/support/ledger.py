"""Calls and records as they come of a system that does everything right; tests then spoil them."""

import json
from dataclasses import replace

from ledger.records import Call, Event, Record

INSTANCES = ("pod-a", "pod-b")


class History:
    """Events that were sent, executed one after the other in two instances, and answered; each list may be changed."""

    def __init__(self, count: int = 4) -> None:
        self.calls: list[Call] = []
        self.records: list[Record] = []
        for number in range(count):
            self.add(Event(number, 0.0), INSTANCES[number % 2])

    def add(self, event: Event, instance: str) -> None:
        """An event that is executed and answered."""
        start, _ = self.execute(event, instance)
        answer = {"number": event.number, "digest": event.digest, "execution": start.execution}
        self.calls.append(Call(event, 0.0, 0.0, 0.1, status=200, answer=json.dumps(answer).encode()))

    def execute(self, event: Event, instance: str) -> tuple[Record, Record]:
        """An execution that tells its start and its end."""
        execution = f"execution-{len(self.records)}"
        start = self.tell("start", event, instance, execution)
        return start, self.tell("end", event, instance, execution)

    def tell(self, kind: str, event: Event, instance: str, execution: str) -> Record:
        """A record at the end of the journal."""
        sequence = len(self.records) + 1
        self.records.append(
            Record(
                sequence,
                float(sequence),
                kind,
                event.number,
                event.digest,
                execution,
                instance,
                f"{instance} process",
            )
        )
        return self.records[-1]

    def fail(self, number: int) -> None:
        """Answer this call with an error, whatever was executed."""
        self.calls[number] = replace(self.calls[number], status=502, answer=b'{"message": "gone"}')
