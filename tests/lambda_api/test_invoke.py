import base64
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.lambda_api.errors import AwsError
from funclet.lambda_api.invoke import (
    CLIENT_CONTEXT_LIMIT,
    REQUEST_LIMIT,
    InvokeHead,
    checking,
    parse_head,
    parse_target,
    result_headers,
)

REGION = "us-east-1"
PATH = b"/2015-03-31/functions/greet/invocations"


def head(target: bytes = PATH, **headers: bytes) -> InvokeHead:
    """Parse a head that is good; header names with underscores."""
    parsed = parse_head(
        target, {name.replace("_", "-").encode(): value for name, value in headers.items()}, REGION
    )
    assert isinstance(parsed, InvokeHead)
    return parsed


def refused(target: bytes = PATH, **headers: bytes) -> AwsError:
    """Parse a head that is not."""
    parsed = parse_head(
        target, {name.replace("_", "-").encode(): value for name, value in headers.items()}, REGION
    )
    assert isinstance(parsed, AwsError)
    return parsed


def check_body(body: bytes) -> bytes | AwsError:
    """Check without a pause."""
    check = checking(body)
    while True:
        try:
            next(check)
        except StopIteration as end:
            checked: bytes | AwsError = end.value
            return checked


def test_a_bare_head_asks_for_latest_without_extras() -> None:
    assert head() == InvokeHead("greet", None, "us-east-1", False, False, None, None)


@pytest.mark.parametrize(
    ("target", "name", "qualifier"),
    [
        (b"/2015-03-31/functions/greet:live/invocations", "greet", "live"),
        (b"/2015-03-31/functions/greet%3Alive/invocations", "greet", "live"),
        (b"/2015-03-31/functions/greet/invocations?Qualifier=%24LATEST", "greet", "$LATEST"),
        (b"/2015-03-31/functions/greet/invocations?", "greet", None),
        (b"/2015-03-31/functions/greet/invocations?x=1&Qualifier=2", "greet", "2"),
        (
            b"/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Agreet%3A1/invocations",
            "greet",
            "1",
        ),
        (b"/2015-03-31/functions/123456789012:function:greet/invocations", "greet", None),
    ],
)
def test_the_target_names_function_and_qualifier(target: bytes, name: str, qualifier: str | None) -> None:
    parsed = head(target)
    assert (parsed.name, parsed.qualifier) == (name, qualifier)


@pytest.mark.parametrize(
    "target",
    [
        b"/",
        b"/2015-03-31/functions",
        b"/2015-03-31/functions/greet",
        b"/2015-03-31/functions/greet/invocations/",
        b"/2015-03-31/functions/a/b/invocations",
        b"//2015-03-31/functions/greet/invocations",
        b"/2015-03-31/functions/greet/invocations#x",
        b"http://host/2015-03-31/functions/greet/invocations",
    ],
)
def test_other_paths_are_not_invoke(target: bytes) -> None:
    assert parse_target(target) is None


@pytest.mark.parametrize("name", [b"..%2f..%2fetc", b"%00", b"%ff", b"a%0d%0ab", b"", b"%", b"a" * 5000])
def test_a_climbing_or_broken_name_is_refused(name: bytes) -> None:
    assert refused(b"/2015-03-31/functions/" + name + b"/invocations").code == "ValidationException"


def test_the_region_is_that_of_the_credential_scope() -> None:
    scope = b"AWS4-HMAC-SHA256 Credential=AKID/20261123/eu-west-3/lambda/aws4_request, SignedHeaders=host"
    assert head(authorization=scope).region == "eu-west-3"
    assert head(authorization=b"Bearer x").region == "us-east-1"
    arn = b"/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:greet/invocations"
    assert "('eu-west-3')" in refused(arn, authorization=scope).message


def test_another_region_is_not_reachable() -> None:
    error = refused(b"/2015-03-31/functions/arn:aws:lambda:eu-west-1:123456789012:function:f/invocations")
    assert (error.status, error.code) == (404, "ResourceNotFoundException")
    assert error.message == "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"


def test_the_account_is_told_where_the_caller_names_one() -> None:
    assert head(b"/2015-03-31/functions/999999999999:function:greet/invocations").account == "999999999999"
    assert head().account is None


def test_a_token_comes_as_a_bearer_or_as_the_session_token_of_an_sdk() -> None:
    assert head().token is None
    assert head(authorization=b"Bearer abc").token == "abc"
    assert head(authorization=b"bearer  abc ").token == "abc"
    signed = b"AWS4-HMAC-SHA256 Credential=AKID/20261123/us-east-1/lambda/aws4_request, SignedHeaders=host"
    assert head(authorization=signed).token is None
    assert head(authorization=signed, x_amz_security_token=b"abc").token == "abc"


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        (
            {"x_amz_invocation_type": b"Foo"},
            (
                "Value 'Foo' at 'invocationType' failed to satisfy constraint: "
                "Member must satisfy enum value set: [Event, RequestResponse, DryRun]"
            ),
        ),
        (
            {"x_amz_log_type": b"Foo"},
            (
                "Value 'Foo' at 'logType' failed to satisfy constraint: "
                "Member must satisfy enum value set: [None, Tail]"
            ),
        ),
    ],
)
def test_unknown_words_in_headers_are_refused(headers: dict[str, bytes], message: str) -> None:
    error = refused(**headers)
    assert (error.status, error.code) == (400, "ValidationException")
    assert error.message == f"1 validation error detected: {message}"


def test_an_asynchronous_call_is_refused_and_told_why() -> None:
    error = refused(x_amz_invocation_type=b"Event")
    assert error.status == 400
    assert "Nothing was accepted" in error.message


def test_dry_run_and_tail_are_noted() -> None:
    assert head(x_amz_invocation_type=b"DryRun").dry_run
    assert head(x_amz_log_type=b"Tail").tail


def test_the_client_context_is_decoded() -> None:
    text = '{"client":{"app_title":"a"},"custom":{"k":"v"}}'
    assert head(x_amz_client_context=base64.b64encode(text.encode())).client_context == text


def test_a_client_context_travels_on_one_line_of_ascii() -> None:
    text = '{\n "custom": {"k": "grüße"}}'
    context = head(x_amz_client_context=base64.b64encode(text.encode())).client_context
    assert context == '{ "custom": {"k": "gr\\u00fc\\u00dfe"}}'


@pytest.mark.parametrize(
    "value",
    [
        b"!!!",
        b"YQ",
        base64.b64encode(b"not json"),
        base64.b64encode(b"[]"),
        base64.b64encode(b'"s"'),
        base64.b64encode(b'{"a":NaN}'),
        base64.b64encode(b"\xff{}"),
        b"A" * (CLIENT_CONTEXT_LIMIT + 1),
        base64.b64encode(b'{"a":' + b"[" * 2500),
    ],
)
def test_a_bad_client_context_is_refused(value: bytes) -> None:
    error = refused(x_amz_client_context=value)
    assert (error.status, error.code) == (400, "InvalidRequestContentException")


def test_a_trace_id_passes_only_as_one_word() -> None:
    assert head(x_amzn_trace_id=b"Root=1-2-3;Sampled=1").trace_id == "Root=1-2-3;Sampled=1"
    assert head(x_amzn_trace_id=b"a b").trace_id is None
    assert head(x_amzn_trace_id=b"a" * 257).trace_id is None


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"null",
        b'"s"',
        b"1e999",
        b"9" * 100_000,
        b'{"a":1,"a":2}',
        b' {"a" : [1, 2.50]} ',
        b'"\\ud800"',
        b"[" * 200 + b"]" * 200,
        '"grüße 😀"'.encode(),
    ],
)
def test_what_lambda_passes_is_passed_byte_for_byte(body: bytes) -> None:
    assert check_body(body) == body


def test_no_body_is_an_empty_object() -> None:
    assert check_body(b"") == b"{}"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"x",
        b"{} {}",
        b"NaN",
        b"-Infinity",
        b'{"a":NaN}',
        b"[" * 10_000 + b"]" * 10_000,
        b"[" * 1_000_000,
        b'{"a":' * 10_000,
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        "{}".encode("utf-16-le"),
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b'"\x00"',
        b'"\n"',
        b"\x1f\x8b\x08\x00",
        b" ",
    ],
)
def test_what_is_not_json_is_refused_in_the_words_of_aws(body: bytes) -> None:
    error = check_body(body)
    assert isinstance(error, AwsError)
    assert (error.status, error.code) == (400, "InvalidRequestContentException")
    assert error.message.startswith("Could not parse request body into json: ")


def test_the_limit_is_six_mebibytes() -> None:
    fits = b'"' + b"a" * (REQUEST_LIMIT - 2) + b'"'
    assert check_body(fits) == fits
    error = check_body(fits + b" ")
    assert isinstance(error, AwsError)
    assert error.status == 413
    assert error.message == "Request must be smaller than 6291456 bytes for the InvokeFunction operation"


@given(st.binary(max_size=200))
def test_any_bytes_are_passed_as_they_are_or_refused(body: bytes) -> None:
    checked = check_body(body)
    assert isinstance(checked, AwsError) or checked == (body or b"{}")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(_json, st.booleans())
def test_every_json_document_is_passed(document: object, ascii_only: bool) -> None:  # noqa: FBT001 - drawn
    text = json.dumps(document, ensure_ascii=ascii_only)
    try:
        body = text.encode()
    except UnicodeEncodeError:
        body = json.dumps(document).encode()
    assert check_body(body) == body


def test_a_client_context_of_any_depth_is_passed_or_refused() -> None:
    for depth in range(900, 1010):
        text = '{"a":' + "[" * depth + '"é"' + "]" * depth + "}"
        headers = {b"x-amz-client-context": base64.b64encode(text.encode())}
        head = parse_head(PATH, headers, REGION)
        assert isinstance(head, InvokeHead) or (head is not None and head.status == 400)


@pytest.mark.parametrize(
    "text", ['{"a":\n"é😀\x7f", "n": 12345678901234567890, "x": 1e999}', '{\r\n\t"a": 1.50}']
)
def test_a_client_context_that_no_header_could_carry_means_the_same_in_one_that_can(text: str) -> None:
    passed = head(x_amz_client_context=base64.b64encode(text.encode())).client_context
    assert passed is not None
    assert passed.isprintable()
    assert passed.isascii()
    assert json.loads(passed) == json.loads(text)


@pytest.mark.parametrize("size", [3_000, 30_000, 300_000])
def test_an_event_may_be_nested_as_deep_whatever_its_size_and_the_python(size: int) -> None:
    filler = b" " * size
    assert isinstance(check_body(b"[" * 1000 + filler + b"]" * 1000), bytes)
    error = check_body(b"[" * 1001 + filler + b"]" * 1001)
    assert isinstance(error, AwsError)
    assert error.message == (
        "Could not parse request body into json: Document nesting depth exceeds the maximum allowed (1000)"
    )


def test_a_depth_bomb_leaves_the_recursion_limit_alone() -> None:
    before = sys.getrecursionlimit()
    assert isinstance(check_body(b"[" * 100_000), AwsError)
    assert sys.getrecursionlimit() == before


@given(st.binary(max_size=300), st.dictionaries(st.sampled_from([
    b"x-amz-invocation-type", b"x-amz-log-type", b"x-amz-client-context", b"authorization", b"x-amzn-trace-id",
]), st.binary(max_size=60)))  # fmt: skip
def test_any_head_is_invoke_or_not_or_refused(name: bytes, headers: dict[bytes, bytes]) -> None:
    parsed = parse_head(b"/2015-03-31/functions/" + name + b"/invocations", headers, REGION)
    assert parsed is None or isinstance(parsed, InvokeHead | AwsError)


def test_the_headers_of_an_answer_tell_of_the_invocation() -> None:
    headers = result_headers(
        executed_version="7", function_error="Unhandled", log_tail="bG9n", content_type="application/json"
    )
    assert dict(headers) == {
        "Content-Type": "application/json",
        "X-Amz-Executed-Version": "7",
        "X-Amzn-Remapped-Content-Length": "0",
        "X-Amz-Function-Error": "Unhandled",
        "X-Amz-Log-Result": "bG9n",
    }
