"""Lambda's Invoke over plain HTTP, timed as the caller sees it."""

import base64
import http.client
import json
import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

_HOST = "127.0.0.1"
_CALL_SECONDS = 60.0
_KNOWN_SECONDS = 20.0
_BILLED = re.compile(r"^REPORT .*\tBilled Duration: (\d+) ms\t", re.MULTILINE)


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one invocation gave. `milliseconds` is from request to answer; `billed` is Lambda's, in milliseconds."""

    result: Any
    version: str
    milliseconds: float
    billed: int


class LambdaClient:
    """One kept-alive connection to the Lambda API at a port of this machine."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(_HOST, port, timeout=_CALL_SECONDS)

    def wait_until_known(self, function: str) -> None:
        """Return when the function can be invoked. Raises DemoError after 20 s."""
        deadline = time.monotonic() + _KNOWN_SECONDS
        while (answer := self._post(function, b"{}", {"X-Amz-Invocation-Type": "DryRun"}))[
            0
        ] != http.HTTPStatus.NO_CONTENT:
            if time.monotonic() > deadline:
                raise DemoError(f"{function} cannot be invoked: {answer[2].decode(errors='replace')}")
            time.sleep(0.05)

    def invoke(self, function: str, payload: bytes) -> Answer:
        """Run one event. Raises DemoError when the call or the function fails."""
        started = time.perf_counter()
        status, headers, body = self._post(function, payload, {"X-Amz-Log-Type": "Tail"})
        milliseconds = (time.perf_counter() - started) * 1000
        text = body.decode(errors="replace")
        if status != http.HTTPStatus.OK or "X-Amz-Function-Error" in headers:
            raise DemoError(f"{function} failed ({status}): {text[:2000]}")
        log = base64.b64decode(headers.get("X-Amz-Log-Result", "")).decode(errors="replace")
        if (billed := _BILLED.search(log)) is None:
            raise DemoError(f"{function}: the log has no REPORT line: {log!r}")
        return Answer(
            json.loads(text), headers.get("X-Amz-Executed-Version", ""), milliseconds, int(billed[1])
        )

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def _post(
        self, function: str, payload: bytes, headers: dict[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        path = f"/2015-03-31/functions/{quote(function, safe='')}/invocations"
        try:
            self._connection.request("POST", path, payload, {"Content-Type": "application/json", **headers})
            response = self._connection.getresponse()
            return response.status, response.headers, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise DemoError(f"{function}: the Lambda API does not answer: {error!r}") from error
