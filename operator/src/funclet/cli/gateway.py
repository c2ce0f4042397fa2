"""Calling functions: Lambda's Invoke, over plain HTTP."""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from funclet.cli.errors import CliError, Exit
from funclet.cli.http import Answer, Server

#: seconds: the longest timeout of a function, its start, and a little
_LONGEST_CALL = 960.0
_SEE = "See what there is with `funclet get functions`."
_UNKNOWN_TOKEN = "UnrecognizedClientException"  # noqa: S105  # the name of an error
_TOKEN_REFUSED = frozenset({_UNKNOWN_TOKEN, "MissingAuthenticationTokenException"})


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


@dataclass(frozen=True, slots=True)
class Way:
    """How a function is called."""

    server: Server
    #: path before the Lambda API's
    prefix: str
    #: NAME, NAME:QUALIFIER or ARN
    name: str
    #: headers with a token, to be tried one after the other until the gateway knows one
    tokens: Iterable[Mapping[str, str]]
    #: what to do where it knows none
    hint: Callable[[], str]
    #: makes the error of an answer that is not the gateway's, if somebody is in between
    stranger: Callable[[Answer], CliError] | None = None
    #: why there is no such function, where somebody knows
    why_missing: Callable[[], Sequence[str]] = tuple


def invoke(way: Way, payload: bytes | None, *, tail: bool) -> Result:
    """Call a function. Raises CliError where it did not run."""
    answer = _ask(way, payload or b"", "Tail" if tail else "None")
    if answer.status != 200:  # noqa: PLR2004  # HTTP's OK
        raise _refusal(answer, way)
    return Result(
        payload=answer.body,
        error=answer.headers.get("x-amz-function-error"),
        executed_version=answer.headers.get("x-amz-executed-version", ""),
        request_id=answer.headers.get("x-amzn-requestid", ""),
        log_tail=_log_tail(answer.headers.get("x-amz-log-result")),
    )


def _ask(way: Way, payload: bytes, log_type: str) -> Answer:
    path = f"{way.prefix}/2015-03-31/functions/{quote(way.name, safe='')}/invocations"
    answer: Answer | None = None
    for token in way.tokens:
        headers = {"Content-Type": "application/json", "X-Amz-Log-Type": log_type, **token}
        answer = way.server.ask("POST", path, headers=headers, body=payload, seconds=_LONGEST_CALL)
        # Refused before anything ran, so another token may be tried.
        if _code(answer) != _UNKNOWN_TOKEN:
            break
    if answer is None:
        raise CliError(way.hint(), Exit.REFUSED)
    return answer


def _log_tail(encoded: str | None) -> str | None:
    if encoded is None:
        return None
    try:
        return base64.b64decode(encoded).decode("utf-8", "replace")
    except binascii.Error:
        return encoded


def _code(answer: Answer) -> str:
    """The error in AWS's word; empty where there is none."""
    return answer.headers.get("x-amzn-errortype", "").partition(":")[0]


def _refusal(answer: Answer, way: Way) -> CliError:
    """The error, in the gateway's words, and what to do about it."""
    code = _code(answer)
    if not code:
        return _strange(answer, way)
    message = f"{code}: {_message(answer.body)}"
    if code == "ResourceNotFoundException":
        why = way.why_missing()
        hint = "\n".join(("Its manifest is refused:", *why)) if why else _SEE
        return CliError(f"{message}\n{hint}", Exit.NOT_FOUND)
    if code == "TooManyRequestsException":
        return CliError(f"{message}\nTry again, or raise concurrency.reserved of {way.name}.", Exit.REFUSED)
    if code in _TOKEN_REFUSED:
        return CliError(f"{message}\n{way.hint()}", Exit.REFUSED)
    return CliError(message, Exit.REFUSED)


def _strange(answer: Answer, way: Way) -> CliError:
    if way.stranger is not None:
        return way.stranger(answer)
    return CliError(
        f"{way.server.url} answered {answer.status}, and not as a gateway does. Is FUNCLET_URL right?",
        Exit.REFUSED,
    )


def _message(body: bytes) -> str:
    try:
        told = json.loads(body)
    except ValueError:
        return body[:200].decode("utf-8", "replace")
    told = told if isinstance(told, dict) else {}
    return str(told.get("message") or told.get("Message") or "no message")
