"""One invocation on its way to its home and back, as headers and bodies.

The way there is signed with a key that all gateways share, over everything that matters, the time and whom it
is for. The signature covers the body by its hash, so that nothing runs which nobody signed for. Before it, on each
connection, the other end proves with that key that it is the gateway which is meant.
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
PROVE = "/relay/prove"
NOT_HOME = "not-home"
LEAVING = "leaving"
NOT_KNOWN = "not-known"
#: seconds by which two gateways' clocks may differ
SKEW = 60.0

_CALL = "x-funclet-relay-call"
_SIGNATURE = "x-funclet-relay"
_RESULT = "x-funclet-relay-result"
_ERROR = "x-funclet-relay-error"
_NOT_STARTED = "x-funclet-not-started"
_NONCE = "x-funclet-nonce"
_PROOF = "x-funclet-proof"
_TIME = re.compile(r"[0-9]{1,12}")
_HEX32 = re.compile(rb"[0-9a-f]{32}")
#: names in lower case
Headers = Mapping[bytes, bytes]


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


_CALL_FIELDS = tuple(each.name for each in fields(RelayedCall))
_RESULT_FIELDS = tuple(each.name for each in fields(InvokeResult) if each.name != "body")


def head_of(path: str, address: str, headers: Mapping[str, str], length: int = 0) -> bytes:
    """Give the head of a POST to the gateway at an address."""
    lines = [f"POST {path} HTTP/1.1", f"host: {address}", f"content-length: {length}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def question(address: str, nonce: str) -> tuple[bytes, bytes]:
    """Give head and body of the request by which a gateway is asked to prove itself; `nonce` is 32 digits of hex."""
    return head_of(PROVE, address, {_NONCE: nonce}), b""


def proof(headers: Headers, own: str, key: bytes) -> dict[str, str]:
    """Give the headers by which this gateway proves itself. Raises RelayError."""
    nonce = headers.get(_NONCE.encode(), b"")
    if not _HEX32.fullmatch(nonce):
        raise RelayError(f"{_NONCE} is to be 32 digits of hex")
    return {_PROOF: _prove(key, own, nonce.decode())}


def is_proof(key: bytes, gateway: str, nonce: str, headers: Headers) -> bool:
    """Whether an answer to `question` comes from that gateway."""
    return hmac.compare_digest(headers.get(_PROOF.encode(), b""), _prove(key, gateway, nonce).encode())


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
    text = json.dumps({name: getattr(call, name) for name in _CALL_FIELDS})
    time = str(int(now))
    return {_CALL: text, _SIGNATURE: f"{time}:{_sign(key, time, text)}"}


def incoming(headers: Headers, own: str, key: bytes, now: float) -> tuple[RelayedCall, int]:
    """Read a call that was relayed to this gateway, and when it was signed. Raises RelayError.

    Its body has still to be looked at by `is_body`, and whether it came before by Replays.
    """
    text, signature = _text(headers, _CALL), _text(headers, _SIGNATURE)
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
    return {_RESULT: json.dumps({name: getattr(outcome, name) for name in _RESULT_FIELDS})}, outcome.body


def outcome(headers: Headers, body: bytes) -> InvokeResult | AwsError:
    """Read an outcome. Raises RelayError."""
    if _ERROR.encode() in headers:
        return _read(AwsError, _text(headers, _ERROR))
    if _RESULT.encode() in headers:
        return _read(InvokeResult, _text(headers, _RESULT), body=body)
    raise RelayError("the answer is none of a gateway")


def not_started(reason: str) -> dict[str, str]:
    """Give the headers that say that a call did not begin, and why."""
    return {_NOT_STARTED: reason}


def why_not_started(headers: Headers) -> str | None:
    """Read why a call did not begin; None: it did."""
    return _text(headers, _NOT_STARTED) or None


def _text(headers: Headers, name: str) -> str:
    return headers.get(name.encode(), b"").decode("latin-1")


def _prove(key: bytes, gateway: str, nonce: str) -> str:
    return hmac.new(key, f"relay-home\n{gateway}\n{nonce}".encode(), hashlib.sha256).hexdigest()


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
