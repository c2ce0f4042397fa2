"""A relayed call and its answer come out as they went in; whatever nobody signed does not come in."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.gateway.home.messages import (
    SKEW,
    RelayError,
    answer,
    incoming,
    is_body,
    is_proof,
    outcome,
    outgoing,
    proof,
    question,
)
from funclet.gateway.home.replays import Replays
from funclet.gateway.http_head import parse
from funclet.gateway.ports import InvokeRequest, InvokeResult
from funclet.lambda_api.errors import AwsError
from funclet.plan.routes import Target
from support.gateway import revision, route

KEY, NOW = b"0123456789abcdef", 1_800_000_000.5
TEXT = st.text(max_size=30)
MAYBE = st.none() | TEXT
COUNT = st.integers(0, 10**9)
REAL = st.floats(0, 1e9, allow_nan=False)
REQUESTS = st.builds(
    InvokeRequest,
    target=st.builds(
        Target,
        route=st.just(route()),
        revision=st.just(revision()),
        executed_version=st.sampled_from(["$LATEST", "7"]),
        invoked_arn=TEXT,
    ),
    request_id=TEXT,
    body=st.binary(max_size=100),
    content_type=TEXT,
    tail=st.booleans(),
    client_context=MAYBE,
    cognito_identity=MAYBE,
    trace_id=MAYBE,
)
RESULTS = st.builds(
    InvokeResult,
    body=st.binary(max_size=100),
    function_error=MAYBE,
    executed_version=TEXT,
    log_tail=MAYBE,
    cold=st.booleans(),
    billed_ms=COUNT,
    duration_ms=REAL,
    init_ms=st.none() | REAL,
    max_memory_mb=COUNT,
    content_type=TEXT,
)
ERRORS = st.builds(
    AwsError,
    status=st.integers(400, 599),
    code=TEXT,
    message=TEXT,
    type=st.sampled_from(["User", "Service", None]),
    reason=st.sampled_from([None, "ConcurrentInvocationLimitExceeded"]),
    retry_after=st.none() | COUNT,
)


def as_read(headers: Mapping[str, str]) -> dict[bytes, bytes]:
    """Headers as a listener reads them."""
    return {name.encode(): value.encode() for name, value in headers.items()}


def request(body: bytes = b"{}") -> InvokeRequest:
    target = Target(route(), revision(), "$LATEST", "arn:x")
    return InvokeRequest(target=target, request_id="r-1", body=body)


@given(REQUESTS)
def test_every_field_of_a_call_arrives(sent: InvokeRequest) -> None:
    headers = outgoing(sent, "home", KEY, NOW)
    assert all(value.isascii() and value.isprintable() for value in headers.values())
    call, signed = incoming(as_read(headers), "home", KEY, NOW)
    assert signed == int(NOW)
    assert is_body(call, sent.body)
    assert (call.namespace, call.function) == ("default", "hello")
    assert (call.version, call.invoked_arn) == (sent.target.executed_version, sent.target.invoked_arn)
    for each in fields(InvokeRequest):
        if each.name not in {"target", "body"}:
            assert getattr(call, each.name) == getattr(sent, each.name)


@given(RESULTS | ERRORS)
def test_every_field_of_an_outcome_arrives(told: InvokeResult | AwsError) -> None:
    headers, body = answer(told)
    assert all(value.isascii() and value.isprintable() for value in headers.values())
    assert outcome(as_read(headers), body) == told


def signed(call: dict[str, Any], key: bytes = KEY) -> dict[str, str]:
    import hmac  # noqa: PLC0415 - for this one only

    text, time = json.dumps(call), str(int(NOW))
    digest = hmac.new(key, f"relay\n{time}\n{text}".encode(), hashlib.sha256).hexdigest()
    return {"x-funclet-relay-call": text, "x-funclet-relay": f"{time}:{digest}"}


def as_sent(**changes: Any) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(outgoing(request(), "home", KEY, NOW)["x-funclet-relay-call"])
    return {**sent, **changes}


def test_a_field_that_only_a_newer_gateway_knows_is_passed_over() -> None:
    assert incoming(as_read(signed(as_sent(hue="blue"))), "home", KEY, NOW)[0].function == "hello"
    headers, body = answer(InvokeResult(b"1"))
    told = {**json.loads(headers["x-funclet-relay-result"]), "hue": "blue"}
    assert outcome(as_read({"x-funclet-relay-result": json.dumps(told)}), body) == InvokeResult(b"1")


@pytest.mark.parametrize("seconds", [-SKEW - 2, SKEW + 1, 10**9])
def test_a_signature_of_another_time_is_refused(seconds: float) -> None:
    headers = outgoing(request(), "home", KEY, NOW)
    with pytest.raises(RelayError, match="time"):
        incoming(as_read(headers), "home", KEY, NOW + seconds)


def test_clocks_may_differ_a_little() -> None:
    headers = outgoing(request(), "home", KEY, NOW)
    for seconds in (-SKEW + 1, SKEW - 1):
        assert incoming(as_read(headers), "home", KEY, NOW + seconds)


@pytest.mark.parametrize(
    "time", ["", "now", "-5", "1e9", "\u0661\u0662\u0663", "1" * 13, " 1800000000", "1800000000 "]
)
def test_a_time_that_is_none_is_refused(time: str) -> None:
    headers = outgoing(request(), "home", KEY, NOW)
    digest = headers["x-funclet-relay"].partition(":")[2]
    with pytest.raises(RelayError, match="time"):
        incoming(as_read({**headers, "x-funclet-relay": f"{time}:{digest}"}), "home", KEY, NOW)


def test_a_signature_with_another_key_is_refused() -> None:
    with pytest.raises(RelayError, match="wrong"):
        incoming(as_read(outgoing(request(), "home", b"another key 0123", NOW)), "home", KEY, NOW)


def test_a_call_for_another_gateway_is_refused() -> None:
    with pytest.raises(RelayError, match="another gateway"):
        incoming(as_read(outgoing(request(), "home", KEY, NOW)), "elsewhere", KEY, NOW)


@given(data=st.data(), character=st.characters(exclude_categories=["Cs"]))
def test_whatever_is_changed_of_a_call_breaks_its_signature(data: st.DataObject, character: str) -> None:
    headers = outgoing(request(), "home", KEY, NOW)
    name = data.draw(st.sampled_from(["x-funclet-relay-call", "x-funclet-relay"]))
    text = headers[name]
    place = data.draw(st.integers(0, len(text)))
    length = data.draw(st.sampled_from([0, 1]))
    changed = text[:place] + character + text[place + length :]
    if changed != text:
        with pytest.raises(RelayError):
            incoming(as_read({**headers, name: changed}), "home", KEY, NOW)


def test_another_body_is_not_the_one_that_was_signed_for() -> None:
    call, _ = incoming(as_read(outgoing(request(b"1"), "home", KEY, NOW)), "home", KEY, NOW)
    assert is_body(call, b"1")
    assert not is_body(call, b"2")


def test_without_headers_there_is_no_call() -> None:
    with pytest.raises(RelayError):
        incoming({}, "home", KEY, NOW)


@pytest.mark.parametrize(
    "call",
    [{}, {"home": "home"}, as_sent(home=["home"]), {k: v for k, v in as_sent().items() if k != "tail"}],
)
def test_a_signed_call_without_its_fields_is_refused(call: dict[str, Any]) -> None:
    with pytest.raises(RelayError):
        incoming(as_read(signed(call)), "home", KEY, NOW)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-funclet-relay-result": ""},
        {"x-funclet-relay-result": "[]"},
        {"x-funclet-relay-result": "[" * 100_000},
        {"x-funclet-relay-error": "{}"},
        {"x-funclet-relay-error": "null"},
    ],
)
def test_an_answer_that_is_none_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(RelayError):
        outcome(as_read(headers), b"")


# -- proofs

NONCE = "0123456789abcdef0123456789abcdef"


def test_a_gateway_proves_itself_by_the_key_of_all() -> None:
    head, body = question("10.0.0.7:8702", NONCE)
    assert head.startswith(b"POST /relay/prove HTTP/1.1\r\nhost: 10.0.0.7:8702\r\ncontent-length: 0\r\n")
    asked = parse(head)
    assert asked is not None
    assert body == b""
    proved = as_read(proof(asked.headers, "b", KEY))
    assert is_proof(KEY, "b", NONCE, proved)
    assert not is_proof(KEY, "a", NONCE, proved)
    assert not is_proof(KEY, "b", NONCE[::-1], proved)
    assert not is_proof(b"another key 0123", "b", NONCE, proved)


@pytest.mark.parametrize("headers", [{}, {"x-funclet-proof": ""}, {"x-funclet-proof": "\xfc"}])
def test_what_is_no_proof_proves_nothing(headers: dict[str, str]) -> None:
    assert not is_proof(KEY, "b", NONCE, as_read(headers))


@pytest.mark.parametrize("nonce", ["", "abc", NONCE.upper(), NONCE + "0", "relay\n1800000000\n{}"])
def test_nothing_but_a_nonce_is_ever_proved(nonce: str) -> None:
    with pytest.raises(RelayError, match="nonce"):
        proof(as_read({"x-funclet-nonce": nonce}), "b", KEY)


# -- replays


def test_a_call_comes_once() -> None:
    replays = Replays()
    assert replays.is_first(100, "n", 100.0)
    assert not replays.is_first(100, "n", 100.0)
    assert replays.is_first(100, "m", 100.0)
    assert replays.is_first(101, "n", 100.0)


def test_a_call_is_remembered_as_long_as_its_signature_is_believed() -> None:
    replays = Replays()
    assert replays.is_first(100, "n", 100.0 - SKEW)
    assert not replays.is_first(100, "n", 100.0 + SKEW)
    replays.is_first(200, "x", 100.1 + SKEW)
    assert not replays.is_first(100, "n", 100.2 + SKEW)


def test_the_memory_is_bounded_and_what_was_forgotten_is_not_believed_again() -> None:
    replays = Replays(most=10)
    for number in range(100):
        assert replays.is_first(100 + number, str(number), 150.0)
        assert replays._count <= 10
    assert not replays.is_first(105, "5", 150.0)
    assert not replays.is_first(105, "new", 150.0)
    assert replays.is_first(199, "new", 150.0)


@given(st.lists(st.tuples(st.integers(0, 300), st.sampled_from("abc"), st.floats(0, 300)), max_size=60))
def test_no_call_comes_twice_whatever_the_clock_does(calls: list[tuple[int, str, float]]) -> None:
    replays, came = Replays(most=8), set()
    for at, nonce, now in calls:
        if replays.is_first(at, nonce, now):
            assert (at, nonce) not in came
            came.add((at, nonce))
