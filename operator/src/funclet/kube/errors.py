"""What the API server answers when it refuses, as errors of the port."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from funclet.kube.cluster_port import ForbiddenError, UnreachableError
from funclet.kube.port import ConflictError, ExpiredError, InvalidError, KubeError, NotFoundError

_OF_STATUS: Mapping[int, type[KubeError]] = {
    400: InvalidError,
    401: ForbiddenError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: ExpiredError,
    413: InvalidError,
    422: InvalidError,
    429: UnreachableError,
    502: UnreachableError,
    503: UnreachableError,
    504: UnreachableError,
}
#: reasons by which a status of 500 says that it would have worked at another time
_PASSING = {"ServerTimeout", "Timeout", "TooManyRequests", "ServiceUnavailable"}
_LONGEST_MESSAGE = 4096


def error_of(status: Mapping[str, Any]) -> KubeError:
    """Make the error that a metav1.Status tells of; its `status` and `reason` are the server's own."""
    code = status.get("code")
    code = code if isinstance(code, int) else 500
    reason = str(status.get("reason") or _phrase(code))
    cls = _OF_STATUS.get(code, KubeError)
    if reason in _PASSING:
        cls = UnreachableError
    causes = _causes(status)
    if any(field == "metadata.uid" for field, _ in causes):
        # An apply that names a uid is told so about another object of that name.
        cls, code, reason = ConflictError, ConflictError.status, ConflictError.reason
    error = cls(str(status.get("message") or reason)[:_LONGEST_MESSAGE], causes=causes)
    error.status, error.reason = code, reason
    return error


def error_of_answer(code: int, body: bytes) -> KubeError:
    """Make the error of an HTTP answer, whose body need not be a Status: a proxy may have written it."""
    try:
        status = json.loads(body)
    except ValueError:
        status = None
    if isinstance(status, dict) and status.get("kind") == "Status":
        return error_of({**status, "code": code})
    text = body.decode(errors="replace").strip()
    return error_of({"code": code, "message": text or _phrase(code)})


def _causes(status: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    details = status.get("details") or {}
    return tuple(
        (str(cause.get("field") or ""), str(cause.get("message") or ""))
        for cause in details.get("causes") or ()
    )


def _phrase(code: int) -> str:
    try:
        return HTTPStatus(code).phrase.replace(" ", "")
    except ValueError:
        return "Unknown"
