"""Errors as Kubernetes tells them: metav1.Status."""

from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    500: "InternalError",
    503: "ServiceUnavailable",
}


def failure(
    code: int, message: str, *, reason: str | None = None, causes: tuple[tuple[str, str], ...] = ()
) -> dict[str, Any]:
    """A Status of a failure; `causes` are pairs of field path and what is wrong with it."""
    status: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason or _REASONS.get(code, "Unknown"),
        "code": code,
    }
    if causes:
        told = [{"reason": "FieldValueInvalid", "message": text, "field": path} for path, text in causes]
        status["details"] = {"causes": told}
    return status


def of_http_error(error: web.HTTPException) -> dict[str, Any]:
    """The Status of an error that the web framework raised by itself."""
    messages = {
        404: "the server could not find the requested resource",
        405: "the server does not allow this method on the requested resource",
    }
    return failure(error.status, messages.get(error.status, error.reason))


@web.middleware
async def told_as_status(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Middleware: what the framework refuses by itself (no such path, wrong method) is a Status too."""
    try:
        return await handler(request)
    except web.HTTPClientError as error:
        allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return web.json_response(of_http_error(error), status=error.status, headers=allowed)
