"""Calling functions: Lambda's Invoke, over plain HTTP."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from funclet.cli.connection import Connection
from funclet.cli.errors import CliError, Exit
from funclet.cli.http import Answer, Server

#: seconds: the longest timeout of a function, its start, and a little
_LONGEST_CALL = 960.0


@dataclass(frozen=True, slots=True)
class Result:
    """What a function answered; `error` is how it failed, in Lambda's word, or None."""

    payload: bytes
    error: str | None
    executed_version: str
    request_id: str
    log_tail: str | None

    def failure(self) -> str:
        """One line about the failure, from the error payload where it is Lambda's."""
        try:
            told = json.loads(self.payload)
        except ValueError:
            told = None
        told = told if isinstance(told, dict) else {}
        what = ": ".join(str(told[name]) for name in ("errorType", "errorMessage") if told.get(name))
        return f"The function failed ({self.error}): {what or 'no message'}  [request {self.request_id}]"

    def summary(self) -> dict[str, Any]:
        """The result as one object; a payload that is not JSON stands in it as text."""
        try:
            payload: Any = json.loads(self.payload or b"null")
        except ValueError:
            payload = self.payload.decode("utf-8", "replace")
        told = {
            "payload": payload,
            "functionError": self.error,
            "executedVersion": self.executed_version,
            "requestId": self.request_id,
            "logTail": self.log_tail,
        }
        return {name: value for name, value in told.items() if value is not None or name == "payload"}


def invoke(connection: Connection, name: str, payload: bytes | None, *, tail: bool) -> Result:
    """Call a function by NAME, NAME:QUALIFIER or ARN. Raises CliError where it did not run."""
    url = connection.gateway_url()
    missing = f"No gateway answers at {url}. Start one with `funclet local PATH`, or set FUNCLET_URL."
    headers = {"Content-Type": "application/json", "X-Amz-Log-Type": "Tail" if tail else "None"}
    answer = Server(url, missing, {}).ask(
        "POST",
        f"/2015-03-31/functions/{quote(name, safe='')}/invocations",
        headers=headers,
        body=payload or b"",
        seconds=_LONGEST_CALL,
    )
    if answer.status != 200:  # noqa: PLR2004  # HTTP's OK
        raise _refusal(answer, name, url)
    return Result(
        payload=answer.body,
        error=answer.headers.get("x-amz-function-error"),
        executed_version=answer.headers.get("x-amz-executed-version", ""),
        request_id=answer.headers.get("x-amzn-requestid", ""),
        log_tail=_log_tail(answer.headers.get("x-amz-log-result")),
    )


def _log_tail(encoded: str | None) -> str | None:
    if encoded is None:
        return None
    try:
        return base64.b64decode(encoded).decode("utf-8", "replace")
    except binascii.Error:
        return encoded


def _refusal(answer: Answer, name: str, url: str) -> CliError:
    """The error, in the gateway's words, and what to do about it."""
    code = answer.headers.get("x-amzn-errortype", "").partition(":")[0]
    if not code:
        return CliError(
            f"{url} answered {answer.status}, and not as a gateway does. Is FUNCLET_URL right?", Exit.REFUSED
        )
    message = f"{code}: {_message(answer.body)}"
    if code == "ResourceNotFoundException":
        return CliError(f"{message}\nSee what there is with `funclet get functions`.", Exit.NOT_FOUND)
    if code == "TooManyRequestsException":
        return CliError(f"{message}\nTry again, or raise concurrency.reserved of {name}.", Exit.REFUSED)
    return CliError(message, Exit.REFUSED)


def _message(body: bytes) -> str:
    try:
        told = json.loads(body)
    except ValueError:
        return body[:200].decode("utf-8", "replace")
    told = told if isinstance(told, dict) else {}
    return str(told.get("message") or told.get("Message") or "no message")
