"""A gateway that asks who calls: over real connections, with the unmodified AWS SDK among the callers."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from funclet.gateway.access.accounts import Accounts
from funclet.gateway.access.tokens import TokenAccess
from funclet.gateway.gateway import Gateway
from funclet.gateway.settings import GatewaySettings
from funclet.kube.cluster_port import Caller
from funclet.plan.accounts import derived_account
from funclet.plan.revision import Platform
from support.gateway import FakeStarter, exchange, invoke_bytes, route, table, until

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

CHART = "the-token-of-the-chart"


class Reviewer:
    """An API server that knows one token, whose bearer may invoke `hello` alone."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = 0

    async def review_token(self, token: str, audiences: tuple[str, ...]) -> Caller | None:
        self.asked += 1
        await self.gate.wait()
        return Caller("alice", "1") if (token, audiences) == ("alice-token", ()) else None

    async def may(self, caller: Caller, *, verb: str, resource: str, namespace: str, name: str) -> bool:
        return (caller.name, verb, resource, namespace, name) == (
            "alice",
            "invoke",
            "functions",
            "default",
            "hello",
        )


@pytest.fixture
async def reviewer() -> Reviewer:
    """The API server."""
    return Reviewer()


@pytest.fixture
async def gateway(starter: FakeStarter, reviewer: Reviewer) -> AsyncIterator[Gateway]:
    """A gateway as on a cluster, with functions in two namespaces."""
    accounts = Accounts(Platform(None, "us-east-1", {}), "default")
    accounts.know(["shop"])
    access = TokenAccess(CHART, reviewer, accounts=accounts, clock=asyncio.get_running_loop().time)
    made = Gateway(starter, replace(GatewaySettings(), port=0), accounts=accounts, access=access)
    await made.start()
    made.update_routes(table(route(), route("other"), replace(route("pay"), namespace="shop")))
    yield made
    reviewer.gate.set()
    await made.stop(1.0)
    starter.clean()


def client(gateway: Gateway, token: str | None) -> "LambdaClient":
    made = boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{gateway.port}",
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        aws_session_token=token,
        config=Config(retries={"max_attempts": 0}),
    )
    return cast("LambdaClient", made)


async def invoke(gateway: Gateway, token: str | None, name: str) -> Any:
    return await asyncio.to_thread(
        lambda: client(gateway, token).invoke(FunctionName=name, Payload=b'{"a": 1}')
    )


@pytest.mark.parametrize("token", [CHART, "alice-token"])
async def test_the_sdk_brings_its_token_as_the_session_token_of_its_credentials(
    gateway: Gateway, token: str
) -> None:
    answer = await invoke(gateway, token, "hello")
    assert json.loads(answer["Payload"].read()) == {"a": 1}


async def test_an_arn_says_in_which_namespace_a_function_is(gateway: Gateway) -> None:
    arn = f"arn:aws:lambda:us-east-1:{derived_account('shop')}:function:pay"
    assert (await invoke(gateway, CHART, arn))["StatusCode"] == 200
    with pytest.raises(ClientError) as raised:
        await invoke(gateway, CHART, "pay")
    assert raised.value.response["Error"]["Code"] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("token", "name", "code"),
    [
        (None, "hello", "MissingAuthenticationTokenException"),
        ("nobody", "hello", "UnrecognizedClientException"),
        ("alice-token", "other", "AccessDeniedException"),
        # Who may not invoke is not told whether there is such a function.
        ("alice-token", "none-such", "AccessDeniedException"),
        ("alice-token", f"{derived_account('shop')}:function:pay", "AccessDeniedException"),
        (CHART, "999999999999:function:hello", "AccessDeniedException"),
        (CHART, "none-such", "ResourceNotFoundException"),
    ],
)
async def test_the_sdk_raises_what_it_raises_at_aws(
    gateway: Gateway, token: str | None, name: str, code: str
) -> None:
    with pytest.raises(ClientError) as raised:
        await invoke(gateway, token, name)
    assert raised.value.response["Error"]["Code"] == code
    status = 404 if code == "ResourceNotFoundException" else 403
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {CHART}"},
        {"Authorization": f"bearer  {CHART} "},
        {"X-Amz-Security-Token": CHART},
    ],
)
async def test_a_token_comes_in_either_header(gateway: Gateway, headers: dict[str, str]) -> None:
    assert (await exchange(gateway.port, invoke_bytes(headers=headers))).status == 200


# -- while the question is open


async def test_a_caller_that_leaves_while_it_is_asked_about_starts_nothing(
    gateway: Gateway, reviewer: Reviewer, starter: FakeStarter
) -> None:
    reviewer.gate.clear()
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(invoke_bytes(headers={"Authorization": "Bearer alice-token"}))
    await until(lambda: reviewer.asked)
    writer.close()
    await until(lambda: not gateway._front._asking)
    reviewer.gate.set()
    await exchange(gateway.port, invoke_bytes(headers={"Authorization": "Bearer alice-token"}))
    assert sum(len(each.calls) for each in starter.supervisors.values()) == 1


async def test_a_gateway_that_stops_answers_calls_that_are_still_asked_about(
    gateway: Gateway, reviewer: Reviewer
) -> None:
    reviewer.gate.clear()
    headers = {"Authorization": "Bearer alice-token"}
    under_way = asyncio.create_task(exchange(gateway.port, invoke_bytes(body=b"7", headers=headers)))
    await until(lambda: reviewer.asked)
    stopping = asyncio.create_task(gateway.stop(5.0))
    await asyncio.sleep(0.05)
    assert not stopping.done()
    reviewer.gate.set()
    answer = await under_way
    assert (answer.status, answer.body) == (200, b"7")
    await stopping


async def test_a_question_that_is_never_answered_does_not_keep_a_gateway_from_stopping(
    gateway: Gateway, reviewer: Reviewer
) -> None:
    reviewer.gate.clear()
    headers = {"Authorization": "Bearer alice-token"}
    under_way = asyncio.create_task(exchange(gateway.port, invoke_bytes(headers=headers)))
    await until(lambda: reviewer.asked)
    async with asyncio.timeout(5):
        await gateway.stop(0.1)
    await asyncio.wait([under_way])
    assert under_way.exception() is not None
