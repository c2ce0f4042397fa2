"""The ledger's function: tells the collector that an event starts, works as long as the event says, tells its end.

This file is the code of a Funclet function as it stands, so it needs nothing but the standard library. Here it also says
what an event's digest is.
"""

import hashlib
import http.client
import json
import os
import socket
import time
import uuid
from collections.abc import Mapping
from typing import Any

SECONDS_TO_TELL = 10.0
# One runtime process each; a new one in the same instance has another.
PROCESS = uuid.uuid4().hex


def digest(event: Mapping[str, Any]) -> str:
    """SHA-256 in hex of all that the event says, whatever the order and spelling of its JSON."""
    text = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Work for `event["seconds"]` between two records; the answer names the execution."""
    execution = {
        "number": event["number"],
        "digest": digest(event),
        "execution": uuid.uuid4().hex,
        "instance": f"{socket.gethostname()} {context.log_stream_name}",
        "process": PROCESS,
        "version": context.function_version,
    }
    _COLLECTOR.tell({"kind": "start", **execution})
    time.sleep(event["seconds"])
    _COLLECTOR.tell({"kind": "end", **execution})
    return execution


class _Collector:
    """One kept-alive connection to LEDGER_COLLECTOR (HOST:PORT)."""

    def __init__(self) -> None:
        self._connection: http.client.HTTPConnection | None = None

    def tell(self, record: Mapping[str, Any]) -> None:
        """Return once the record is on disk. It may be sent twice: it says which one it is. Raises OSError."""
        latest = time.monotonic() + SECONDS_TO_TELL
        body = json.dumps(record).encode()
        while True:
            try:
                return self._send(body)
            except (OSError, http.client.HTTPException) as failure:
                self._connection = None
                if time.monotonic() > latest:
                    raise OSError(f"the collector did not take a record: {failure!r}") from failure
                time.sleep(0.05)

    def _send(self, body: bytes) -> None:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(os.environ["LEDGER_COLLECTOR"], timeout=5)
        self._connection.request("POST", "/records", body)
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != http.client.NO_CONTENT:
            raise OSError(f"the collector answered {answer.status}")


_COLLECTOR = _Collector()
