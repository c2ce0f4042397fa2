"""What a supervisor's answer to `/invoke` means."""

import json
import re
from dataclasses import dataclass
from typing import Any

from funclet.gateway.failure import Failure
from funclet.gateway.http_answer import Answered
from funclet.gateway.ports import InvokeRequest, InvokeResult
from funclet.lambda_api.invoke import RESPONSE_LIMIT

_OK = 200
_NOT_STARTED = 503
_VALUE = re.compile(rb"[ -~]{1,8192}")
_LONGEST_MESSAGE = 1024
#: what the platform's own messages begin with where an invocation is told
_OF_A_REQUEST = re.compile(r"RequestId: \S+ Error: ")


@dataclass(frozen=True, slots=True)
class NotStarted:
    """The call did not reach the runtime."""

    reason: str


@dataclass(frozen=True, slots=True)
class InitError:
    """Init failed; the caller gets `result`, and the instance will end."""

    result: InvokeResult
    failure: Failure


@dataclass(frozen=True, slots=True)
class Unintelligible:
    """Nothing that contract 1 knows."""


Meaning = InvokeResult | NotStarted | InitError | Unintelligible


def meaning(answer: Answered, request: InvokeRequest) -> Meaning:
    """Read an answer; it comes from a pod that runs foreign code, so each value is checked."""
    headers = answer.headers
    if answer.status == _NOT_STARTED and b"x-funclet-not-started" in headers:
        return NotStarted(headers[b"x-funclet-not-started"].decode("latin-1"))
    outcome = headers.get(b"x-funclet-outcome")
    if answer.status != _OK or outcome not in {b"ok", b"error", b"init-error"}:
        return Unintelligible()
    init = _number(headers.get(b"x-funclet-init-us"))
    result = InvokeResult(
        body=answer.body,
        function_error=None if outcome == b"ok" else "Unhandled",
        executed_version=request.target.executed_version,
        log_tail=_text(headers.get(b"x-funclet-log-tail")) if request.tail else None,
        cold=init is not None,
        billed_ms=_number(headers.get(b"x-funclet-billed-ms")) or 0,
        duration_ms=(_number(headers.get(b"x-funclet-duration-us")) or 0) / 1000,
        init_ms=None if init is None else init / 1000,
        max_memory_mb=_number(headers.get(b"x-funclet-memory-mb")) or 0,
        content_type=_text(headers.get(b"content-type")) or "application/json",
    )
    return InitError(result, init_failure(answer.body)) if outcome == b"init-error" else result


def init_failure(payload: bytes) -> Failure:
    """Why init failed, in a sentence out of Lambda's error payload."""
    message = _field(payload, "errorMessage") or "The runtime failed in init."
    # The revision fails in the same way whoever is told, so its status must not change from call to call.
    message = _OF_A_REQUEST.sub("", message, count=1)
    return Failure("InitFailed", message[:_LONGEST_MESSAGE], payload)


def replayed(failure: Failure, request: InvokeRequest) -> InvokeResult:
    """Return the answer to a call that did not run because init failed for another one just before."""
    return InvokeResult(failure.payload or b"", "Unhandled", request.target.executed_version)


def sandbox_error(request: InvokeRequest, kind: str, message: str) -> InvokeResult:
    """Return a function error in Lambda's words that the supervisor could not tell itself."""
    words = f"RequestId: {request.request_id} Error: {message}"
    payload = json.dumps({"errorType": kind, "errorMessage": words}, separators=(",", ":")).encode()
    return InvokeResult(payload, "Unhandled", request.target.executed_version)


def response_too_large(request: InvokeRequest) -> InvokeResult:
    """Return the function error for an answer over the limit."""
    words = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."
    payload = {"errorMessage": words, "errorType": "Function.ResponseSizeTooLarge"}
    body = json.dumps(payload, separators=(",", ":")).encode()
    return InvokeResult(body, "Unhandled", request.target.executed_version)


def _number(value: bytes | None) -> int | None:
    return int(value) if value is not None and value.isdigit() and len(value) < 16 else None  # noqa: PLR2004 - fits a double


def _text(value: bytes | None) -> str | None:
    return value.decode("ascii") if value is not None and _VALUE.fullmatch(value) else None


def _field(payload: bytes, name: str) -> str | None:
    try:
        document: Any = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    value = document.get(name) if isinstance(document, dict) else None
    return value if isinstance(value, str) else None
