"""What goes to a runtime process as an event, and what its answer means. Pure."""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64

from funclet.supervisor.outcome import JSON, Outcome, payload, too_large

TYPE_CHECKING = False
if TYPE_CHECKING:
    from funclet.supervisor.invocation import Call
    from funclet.supervisor.wire import Body, Head

_ERROR_TYPE = b"lambda-runtime-function-error-type"
_ERROR_BODY = b"lambda-runtime-function-error-body"
_CONTENT_TYPE_LIMIT = 256
#: optional headers of an event: as the gateway names them, and as the Runtime API does
_OPTIONAL = (
    (b"lambda-runtime-trace-id", b"Lambda-Runtime-Trace-Id"),
    (b"lambda-runtime-client-context", b"Lambda-Runtime-Client-Context"),
    (b"lambda-runtime-cognito-identity", b"Lambda-Runtime-Cognito-Identity"),
)


def event_for(call: Call, deadline_ms: int) -> bytes:
    """Return the answer to /next: headers in AWS's spelling, the event as it came."""
    given = call.headers
    optional = b"".join(b"%b: %b\r\n" % (name, given[key]) for key, name in _OPTIONAL if given.get(key))
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nLambda-Runtime-Aws-Request-Id: %b\r\n"
        b"Lambda-Runtime-Deadline-Ms: %d\r\nLambda-Runtime-Invoked-Function-Arn: %b\r\n%b"
        b"Content-Length: %d\r\n\r\n%b"
        % (
            given.get(b"content-type") or JSON,
            call.request_id.encode(),
            deadline_ms,
            given.get(b"lambda-runtime-invoked-function-arn", b""),
            optional,
            len(call.event),
            call.event,
        )
    )


def outcome_of(verb: bytes, head: Head, body: Body) -> Outcome:
    """Return what an answer means: POST .../response or .../error, whole or too long."""
    if body.overflow:
        return too_large()
    content_type = head.headers.get(b"content-type") or JSON
    if len(content_type) > _CONTENT_TYPE_LIMIT:
        content_type = JSON
    if verb == b"error":
        return Outcome("error", body.data, content_type=content_type, status="error")
    error_type = body.trailers.get(_ERROR_TYPE)
    if error_type:
        return Outcome("error", _streamed_error(error_type, body), status="error")
    return Outcome("ok", body.data, content_type=content_type)


def _streamed_error(error_type: bytes, body: Body) -> bytes:
    """Find the payload of an error that came after a part of the answer."""
    try:
        told = a2b_base64(body.trailers.get(_ERROR_BODY, b""))
    except Base64Error:
        told = b""
    return told or payload(error_type.decode("latin-1"), "The function failed while it streamed its response")
