"""One invocation on its way to its home and back, as headers and bodies.

The way there is signed with a key that all gateways share, over everything that matters, the time and whom it
is for. The signature covers the body by its hash, so that nothing is read of a body which nobody signed for.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from funclet.gateway.ports import InvokeRequest, InvokeResult
from funclet.lambda_api.errors import AwsError

PATH = "/relay"
NOT_HOME = "not-home"
LEAVING = "leaving"
NOT_KNOWN = "not-known"
#: seconds by which two gateways' clocks may differ
SKEW = 60.0

_CALL = "x-funclet-relay-call"
_SIGNATURE = "x-funclet-relay"
_RESULT = "x-funclet-relay-result"
_ERROR = "x-funclet-relay-error"
_TIME = re.compile(r"[0-9]{1,12}")


class RelayError(ValueError):
    """What came is no relayed call, or not from a gateway of this installation."""


@dataclass(frozen=True, slots=True)
class RelayedCall:
    """A call as it travels; the home finds the revision by itself."""

    #: which gateway is to run it, and a random number that no other attempt has
    home: str
    nonce: str
    #: of the body, in hex
    sha256: str
    namespace: str
    #: in the Lambda API
    function: str
    version: str
    invoked_arn: str
    request_id: str
    content_type: str
    tail: bool
    client_context: str | None
    cognito_identity: str | None
    trace_id: str | None
    #: gateways that the one which sends this passes over, though their Leases may run
    passed_over: Sequence[str] = ()


def outgoing(
    request: InvokeRequest, home: str, key: bytes, now: float, passed_over: Sequence[str] = ()
) -> dict[str, str]:
    """Give the headers that take a call to its home, once; `now` is the wall clock."""
    target = request.target
    call = RelayedCall(
        home=home,
        nonce=secrets.token_hex(16),
        sha256=hashlib.sha256(request.body).hexdigest(),
        namespace=target.route.namespace,
        function=target.route.name,
        version=target.executed_version,
        invoked_arn=target.invoked_arn,
        request_id=request.request_id,
        content_type=request.content_type,
        tail=request.tail,
        client_context=request.client_context,
        cognito_identity=request.cognito_identity,
        trace_id=request.trace_id,
        passed_over=passed_over,
    )
    text = json.dumps(asdict(call))
    time = str(int(now))
    return {
        _CALL: text,
        _SIGNATURE: f"{time}:{_sign(key, time, text)}",
        "content-type": "application/octet-stream",
    }


def incoming(headers: Mapping[str, str], own: str, key: bytes, now: float) -> tuple[RelayedCall, int]:
    """Read a call that was relayed to this gateway, and when it was signed. Raises RelayError.

    Its body has still to be looked at by `is_body`, and whether it came before by Replays.
    """
    text, signature = headers.get(_CALL, ""), headers.get(_SIGNATURE, "")
    time, _, digest = signature.partition(":")
    if not _TIME.fullmatch(time) or abs(now - int(time)) > SKEW:
        raise RelayError("the signature's time is not now")
    if not hmac.compare_digest(digest.encode("utf-8", "replace"), _sign(key, time, text).encode()):
        raise RelayError("the signature is wrong")
    call = _read(RelayedCall, text)
    if call.home != own:
        raise RelayError("the call is for another gateway")
    return call, int(time)


def is_body(call: RelayedCall, body: bytes) -> bool:
    """Whether a body is the one that was signed for."""
    return hmac.compare_digest(hashlib.sha256(body).hexdigest(), call.sha256)


def answer(outcome: InvokeResult | AwsError) -> tuple[dict[str, str], bytes]:
    """Give headers and body of an outcome on its way back."""
    if isinstance(outcome, AwsError):
        return {_ERROR: json.dumps(asdict(outcome))}, b""
    told = {each.name: getattr(outcome, each.name) for each in fields(outcome) if each.name != "body"}
    return {_RESULT: json.dumps(told)}, outcome.body


def outcome(headers: Mapping[str, str], body: bytes) -> InvokeResult | AwsError:
    """Read an outcome. Raises RelayError."""
    if _ERROR in headers:
        return _read(AwsError, headers[_ERROR])
    if _RESULT in headers:
        return _read(InvokeResult, headers[_RESULT], body=body)
    raise RelayError("the answer is none of a gateway")


def _sign(key: bytes, time: str, call: str) -> str:
    return hmac.new(key, f"relay\n{time}\n{call}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()


_T = TypeVar("_T", RelayedCall, InvokeResult, AwsError)


def _read(kind: type[_T], text: str, **further: bytes) -> _T:
    """Read a value; fields that this release does not know are another release's."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RelayError("not JSON") from error
    if not isinstance(value, dict):
        raise RelayError("not a JSON object")
    known = {each.name for each in fields(kind)}
    told: dict[str, Any] = {name: each for name, each in value.items() if name in known}
    try:
        return kind(**{**told, **further})
    except TypeError as error:
        raise RelayError("not what a gateway of this release says") from error
