"""The AWS SDK, unmodified, as a caller."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from funclet.gateway.gateway import Gateway
from funclet.gateway.settings import LOCAL_HOSTS, GatewaySettings
from funclet.plan.routes import AliasRoute
from support.gateway import FakeStarter, Received, Reply, revision, route, serving

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient


@pytest.fixture
async def starter() -> FakeStarter:
    """Instances that echo."""
    return FakeStarter()


@pytest.fixture
async def gateway(starter: FakeStarter) -> AsyncIterator[Gateway]:
    """A gateway as on a laptop."""
    hello = route(versions={"1": revision("hello", "1")}, aliases={"live": AliasRoute("1", {})}, reserved=5)
    async with serving(starter, hello, settings=GatewaySettings(allowed_hosts=LOCAL_HOSTS)) as gateway:
        yield gateway


@pytest.fixture
def client(gateway: Gateway) -> "LambdaClient":
    """A client as scripts make it."""
    made = boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{gateway.port}",
        region_name="eu-central-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"max_attempts": 0}),
    )
    return cast("LambdaClient", made)


async def call(function: Callable[..., Any], **arguments: Any) -> Any:
    """Call the SDK, which blocks, off the loop."""
    return await asyncio.to_thread(lambda: function(**arguments))


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("hello", "$LATEST"),
        ("hello:live", "1"),
        ("123456789012:function:hello:1", "1"),
        ("arn:aws:lambda:eu-central-1:123456789012:function:hello", "$LATEST"),
        ("arn:aws:lambda:eu-central-1:123456789012:function:hello:live", "1"),
    ],
)
async def test_invoke_by_every_form_of_the_name(client: "LambdaClient", name: str, version: str) -> None:
    answer = await call(client.invoke, FunctionName=name, Payload=b'{"a": 1}')
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == version
    assert json.loads(answer["Payload"].read()) == {"a": 1}


async def test_the_tail_and_a_function_error_arrive(client: "LambdaClient", starter: FakeStarter) -> None:
    async def fail(_: Received) -> Reply:
        return Reply(b'{"errorMessage":"x"}', "error")

    starter.behaviour = fail
    answer = await call(client.invoke, FunctionName="hello", LogType="Tail")
    assert (answer["FunctionError"], answer["LogResult"]) == ("Unhandled", "bG9n")
    assert answer["ResponseMetadata"]["RequestId"]


async def test_a_dry_run_answers_204(client: "LambdaClient") -> None:
    answer = await call(client.invoke, FunctionName="hello", InvocationType="DryRun")
    assert answer["StatusCode"] == 204


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        ({"FunctionName": "nope"}, "ResourceNotFoundException", 404),
        ({"FunctionName": "hello", "Qualifier": "9"}, "ResourceNotFoundException", 404),
        ({"FunctionName": "hello:1", "Qualifier": "2"}, "InvalidParameterValueException", 400),
        ({"FunctionName": "hello", "Payload": b"{"}, "InvalidRequestContentException", 400),
        ({"FunctionName": "hello", "InvocationType": "Event"}, "InvalidParameterValueException", 400),
        ({"FunctionName": "hello", "LogType": "Foo"}, "ValidationException", 400),
        ({"FunctionName": "hello", "ClientContext": "!"}, "InvalidRequestContentException", 400),
        ({"FunctionName": "999999999999:function:hello"}, "AccessDeniedException", 403),
        (
            {"FunctionName": "arn:aws:lambda:us-east-1:123456789012:function:hello"},
            "ResourceNotFoundException",
            404,
        ),
    ],
)
async def test_errors_are_those_of_aws(
    client: "LambdaClient", arguments: dict[str, Any], code: str, status: int
) -> None:
    with pytest.raises(ClientError) as raised:
        await call(client.invoke, **arguments)
    assert raised.value.response["Error"]["Code"] == code
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert raised.value.response["Error"]["Message"]


async def test_an_event_over_the_limit_is_refused_and_the_answer_is_seen(client: "LambdaClient") -> None:
    with pytest.raises(ClientError) as raised:
        await call(client.invoke, FunctionName="hello", Payload=b'"' + b"a" * (6 * 1024 * 1024) + b'"')
    assert raised.value.response["Error"]["Code"] == "RequestEntityTooLargeException"


async def test_operations_that_are_not_served_say_so(client: "LambdaClient") -> None:
    with pytest.raises(ClientError) as raised:
        await call(client.list_functions)
    assert raised.value.response["Error"]["Code"] == "UnknownOperationException"
