"""AWS's own error answers to Invoke, as they were recorded, beside those of the gateway."""

import asyncio
from typing import NamedTuple

import pytest

from funclet.gateway.gateway import Gateway
from funclet.plan.routes import FunctionRoute
from support.gateway import (
    FakeStarter,
    HttpAnswer,
    Received,
    Reply,
    exchange,
    invoke_bytes,
    request,
    revision,
    route,
    until,
)

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
NAMES = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
INVALID = "1 validation error detected: Value '{}' at '{}' failed to satisfy constraint: Member must "
USER = {"Type": "User"}


class Row(NamedTuple):
    """One answer of AWS, and a request that it is the answer to; `lead` is how its message begins or all of it."""

    sent: bytes
    status: int
    code: str
    message: str
    #: what the body holds besides the message
    more: dict[str, str]
    key: str
    lead: bool = False


ROWS = [
    Row(
        invoke_bytes("doesnotexist"),
        404,
        "ResourceNotFoundException",
        f"Function not found: {ARN}doesnotexist",
        USER,
        "Message",
    ),
    Row(
        invoke_bytes("doesnotexist", query="?Qualifier=1"),
        404,
        "ResourceNotFoundException",
        f"Function not found: {ARN}doesnotexist:1",
        USER,
        "Message",
    ),
    Row(
        invoke_bytes("doesnotexist", query="?Qualifier=%24LATEST"),
        404,
        "ResourceNotFoundException",
        f"Function not found: {ARN}doesnotexist:$LATEST",
        USER,
        "Message",
    ),
    Row(
        invoke_bytes("hello:10"),
        404,
        "ResourceNotFoundException",
        f"Function not found: {ARN}hello:10",
        USER,
        "Message",
    ),
    Row(
        invoke_bytes(query="?Qualifier=aliasdoesnotexist"),
        404,
        "ResourceNotFoundException",
        f"Function not found: {ARN}hello:aliasdoesnotexist",
        USER,
        "Message",
    ),
    Row(
        invoke_bytes(query="?Qualifier=valid-with-%24-but-doesnotexist"),
        404,
        "ResourceNotFoundException",
        f"Function not found: {ARN}hello:valid-with-$-but-doesnotexist",
        USER,
        "Message",
    ),
    Row(
        invoke_bytes(ARN.replace("us-east-1", "ap-southeast-1") + "hello"),
        404,
        "ResourceNotFoundException",
        "Functions from 'ap-southeast-1' are not reachable in this region ('us-east-1')",
        USER,
        "Message",
    ),
    Row(
        invoke_bytes(ARN.replace("123456789012", "999999999999") + "hello"),
        403,
        "AccessDeniedException",
        "User is not authorized to perform: lambda:InvokeFunction on resource: ",
        {},
        "Message",
        lead=True,
    ),
    Row(
        invoke_bytes("hello:1", query="?Qualifier=2"),
        400,
        "InvalidParameterValueException",
        "The derived qualifier from the function name does not match the specified qualifier.",
        USER,
        "message",
    ),
    Row(
        invoke_bytes(body=b"{x"),
        400,
        "InvalidRequestContentException",
        "Could not parse request body into json: ",
        USER,
        "message",
        lead=True,
    ),
    Row(
        invoke_bytes(query="?Qualifier=invalid-qualifier-with-%3F-char"),
        400,
        "ValidationException",
        INVALID.format("invalid-qualifier-with-?-char", "qualifier")
        + r"satisfy regular expression pattern: \$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+",
        {},
        "message",
    ),
    Row(
        invoke_bytes("arn:aws:lambda:us-east-1:123400000000@function:myfn"),
        400,
        "ValidationException",
        INVALID.format("arn:aws:lambda:us-east-1:123400000000@function:myfn", "functionName")
        + f"satisfy regular expression pattern: {NAMES}",
        {},
        "message",
    ),
    Row(
        invoke_bytes(headers={"X-Amz-Invocation-Type": "Foo"}),
        400,
        "ValidationException",
        INVALID.format("Foo", "invocationType") + "satisfy enum value set: [Event, RequestResponse, DryRun]",
        {},
        "message",
    ),
    Row(
        invoke_bytes(headers={"X-Amz-Log-Type": "Foo"}),
        400,
        "ValidationException",
        INVALID.format("Foo", "logType") + "satisfy enum value set: [None, Tail]",
        {},
        "message",
    ),
    Row(
        request(b"Content-Length: 6291457"),
        413,
        "RequestEntityTooLargeException",
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
        {},
        "message",
    ),
]


@pytest.fixture
def function() -> FunctionRoute:
    """A function with a version, capped at one call."""
    return route(versions={"1": revision("hello", "1")}, reserved=1)


def assert_is(answer: HttpAnswer, row: Row) -> None:
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (row.status, row.code)
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    message = body.pop(row.key)
    assert body == row.more
    assert message.startswith(row.message) if row.lead else message == row.message


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.code} {row.message[-40:]}")
async def test_an_error_is_that_of_aws_to_the_letter(gateway: Gateway, row: Row) -> None:
    assert_is(await exchange(gateway.port, row.sent), row)


async def test_so_is_a_throttle(gateway: Gateway, starter: FakeStarter) -> None:
    gate = asyncio.Event()

    async def hold(call: Received) -> Reply:
        await gate.wait()
        return Reply(call.body)

    starter.behaviour = hold
    running = asyncio.create_task(exchange(gateway.port, invoke_bytes()))
    await until(lambda: starter.supervisors and starter.supervisors["i0"].running)
    reason = {"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "Type": "User"}
    row = Row(b"", 429, "TooManyRequestsException", "Rate Exceeded.", reason, "message")
    assert_is(await exchange(gateway.port, invoke_bytes()), row)
    gate.set()
    await running
