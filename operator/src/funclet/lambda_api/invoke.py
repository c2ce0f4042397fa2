"""The Invoke operation: from a request's head and body to a value, and from a result to headers."""

import base64
import binascii
import json
import re
from collections.abc import Generator, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote_to_bytes

from funclet.lambda_api.arn import FunctionName, parse_function_name, qualified
from funclet.lambda_api.errors import (
    AwsError,
    invalid_content,
    invalid_parameter,
    request_too_large,
    violates,
    wrong_region,
)
from funclet.lambda_api.json_text import steps

#: bytes of one synchronous event, and of one answer
REQUEST_LIMIT = 6 * 1024 * 1024
RESPONSE_LIMIT = 6 * 1024 * 1024 + 100
#: characters of base64
CLIENT_CONTEXT_LIMIT = 3583

PREFIX = b"/2015-03-31/functions/"
_ROUTE = re.compile(rb"/2015-03-31/functions/([^/?#]*)/invocations(?:\?([^#]*))?")
_SCOPE_REGION = re.compile(rb"Credential=[^/,\s]+/[0-9]{8}/([a-z0-9-]{1,32})/")
_TRACE_ID = re.compile(rb"[!-~]{1,256}")
_UNPRINTABLE = re.compile(r"[^ -~]")
#: bytes and brackets of an event that the interpreter's JSON reader may take on: it builds what it reads
#: without a pause, and recurses
_AT_ONCE = 64 * 1024
_BRACKETS = 500
#: longer targets are parsed anew each time, so that hostile ones cannot fill the cache
_CACHED_TARGET = 512


class InvokeHead(NamedTuple):
    """What the head of an Invoke request asks for."""

    name: str
    qualifier: str | None
    region: str
    dry_run: bool
    tail: bool
    #: JSON text in printable ASCII
    client_context: str | None
    trace_id: str | None
    #: 12 digits, where the caller named one
    account: str | None = None
    #: a bearer token, or a session token as AWS's SDKs send it
    token: str | None = None


def parse_head(target: bytes, headers: Mapping[bytes, bytes], region: str) -> InvokeHead | AwsError | None:
    """Return the head of `POST target`; header names in lower case. None: this is not the Invoke operation.

    `region` holds where a caller's signature names none.
    """
    name = parse_target(target)
    if name is None or isinstance(name, AwsError):
        return name
    region = _region(headers.get(b"authorization")) or region
    if name.region is not None and name.region != region:
        return wrong_region(name.region, region)
    kind = headers.get(b"x-amz-invocation-type", b"RequestResponse")
    log = headers.get(b"x-amz-log-type", b"None")
    error = _unknown_kind(kind, log)
    if error is not None:
        return error
    context = _client_context(headers.get(b"x-amz-client-context"))
    if isinstance(context, AwsError):
        return context
    trace = _trace_id(headers.get(b"x-amzn-trace-id"))
    return InvokeHead(
        name=name.name,
        qualifier=name.qualifier,
        region=region,
        dry_run=kind == b"DryRun",
        tail=log == b"Tail",
        client_context=context,
        trace_id=trace,
        account=name.account,
        token=_token(headers),
    )


def parse_target(target: bytes) -> FunctionName | AwsError | None:
    """Return the function that an Invoke request's target names; None where the path is another one."""
    return _cached_target(target) if len(target) <= _CACHED_TARGET else _parse_target(target)


def _parse_target(target: bytes) -> FunctionName | AwsError | None:
    route = _ROUTE.fullmatch(target)
    if route is None:
        return None
    name = parse_function_name(_decoded(route[1]))
    if isinstance(name, AwsError) or not route[2]:
        return name
    return qualified(name, _qualifier(route[2]))


_cached_target = lru_cache(maxsize=1024)(_parse_target)


def _decoded(text: bytes) -> str:
    return unquote_to_bytes(text).decode("utf-8", "replace")


def _qualifier(query: bytes) -> str | None:
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return next((value for key, value in pairs if key == "Qualifier"), None)


def _token(headers: Mapping[bytes, bytes]) -> str | None:
    """AWS's SDKs can send a token without being changed: as the session token of their credentials."""
    scheme, _, told = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return told.strip().decode("latin-1")
    session = headers.get(b"x-amz-security-token")
    return session.decode("latin-1") if session else None


def _region(authorization: bytes | None) -> str | None:
    match = _SCOPE_REGION.search(authorization) if authorization is not None else None
    return match[1].decode() if match is not None else None


def _unknown_kind(kind: bytes, log: bytes) -> AwsError | None:
    if kind not in {b"RequestResponse", b"DryRun"}:
        if kind == b"Event":
            return invalid_parameter(
                "InvocationType Event is not served yet: asynchronous invocation arrives with the queue. "
                "Nothing was accepted; use RequestResponse."
            )
        allowed = "satisfy enum value set: [Event, RequestResponse, DryRun]"
        return violates(kind.decode("latin-1"), "invocationType", allowed)
    if log not in {b"None", b"Tail"}:
        return violates(log.decode("latin-1"), "logType", "satisfy enum value set: [None, Tail]")
    return None


def _client_context(value: bytes | None) -> str | AwsError | None:
    if not value:
        return None
    if len(value) > CLIENT_CONTEXT_LIMIT:
        return invalid_content(f"Client context must be at most {CLIENT_CONTEXT_LIMIT} bytes of base64.")
    try:
        text = base64.b64decode(value, validate=True).decode()
        context = _JSON.decode(text)
    except (binascii.Error, ValueError, RecursionError):
        context = None
    if not isinstance(context, dict):
        return invalid_content("Client context must be a valid Base64-encoded JSON object.")
    # It travels as a header.
    return _UNPRINTABLE.sub(_printable, text)


def _printable(match: re.Match[str]) -> str:
    """Return in ASCII what stands for a character of JSON's; between tokens it stands for nothing."""
    return "" if match[0] in "\t\n\r" else json.dumps(match[0])[1:-1]


def _trace_id(value: bytes | None) -> str | None:
    return value.decode("ascii") if value is not None and _TRACE_ID.fullmatch(value) else None


def _refuse_constant(name: str) -> object:
    raise ValueError(f"Non-standard token '{name}'")


# Numbers are only looked at: as floats, thousands of digits cost nothing.
_JSON = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=float)


Checking = Generator[None, None, bytes | AwsError]


def checking(body: bytes) -> Checking:
    """Return the event as the function gets it: the very bytes, or `{}` where there are none.

    Yields every millisecond or two while it looks through a large body.
    """
    if not body:
        return b"{}"
    if len(body) > REQUEST_LIMIT:
        return too_large()
    if len(body) <= _AT_ONCE and body.count(b"[") + body.count(b"{") <= _BRACKETS:
        why = _why_not_json(body)
    else:
        why = yield from steps(body)
    return body if why is None else invalid_content(f"Could not parse request body into json: {why}")


def _why_not_json(body: bytes) -> str | None:
    try:
        _JSON.decode(body.decode())
    except UnicodeDecodeError as error:
        return f"Invalid UTF-8 at byte {error.start}"
    except ValueError as error:
        return str(error)
    return None


def too_large() -> AwsError:
    """Return the answer to a body over REQUEST_LIMIT."""
    return request_too_large(REQUEST_LIMIT, "InvokeFunction")


def result_headers(
    *, executed_version: str, function_error: str | None, log_tail: str | None, content_type: str
) -> list[tuple[str, str]]:
    """Return the headers of a 200 answer that tell of the invocation."""
    headers = [
        ("Content-Type", content_type),
        ("X-Amz-Executed-Version", executed_version),
        ("X-Amzn-Remapped-Content-Length", "0"),
    ]
    if function_error is not None:
        headers.append(("X-Amz-Function-Error", function_error))
    if log_tail is not None:
        headers.append(("X-Amz-Log-Result", log_tail))
    return headers
