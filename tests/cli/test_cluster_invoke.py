"""Calling a function of a cluster: through a real API server to a stand-in for the gateway, or straight to it."""

import base64
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from funclet.kube.client import ClusterKube
from funclet.kube.connection import Connection
from funclet.plan.plan import Key
from support.api_server import Server, api_server, connection, kube, namespace
from support.cli import Command, LambdaStandIn
from support.cli_cluster import command, own_address, put_gateway, standing_at
from support.cluster_objects import function_in

pytestmark = pytest.mark.processes

__all__ = ["api_server", "connection", "kube", "namespace"]

ARN = "arn:aws:lambda:us-east-1:123456789012:function:greet"


@dataclass
class Gateway:
    """A stand-in, and which tokens came to it."""

    standing: LambdaStandIn
    port: int

    @property
    def tokens(self) -> Sequence[str | None]:
        return [each.get("X-Amz-Security-Token") for each in self.standing.headers]

    @property
    def bearers(self) -> Sequence[str | None]:
        return [each.get("Authorization") for each in self.standing.headers]


@pytest.fixture
async def gateway(connection: Connection, kube: ClusterKube, namespace: str) -> AsyncIterator[Gateway]:
    """A gateway that the API server leads to, and a function `greet` that the operator has seen."""
    await kube.apply(function_in(namespace, "greet"), manager="test")
    await kube.patch_status(Key("Function", namespace, "greet"), {"functionArn": ARN}, manager="funclet")
    address = own_address()
    if address is None:
        pytest.skip(
            "this machine has no address but loopback, and an API server leads to no loopback address"
        )
    async with standing_at(address) as (standing, port):
        await put_gateway(connection, namespace, address, port)
        yield Gateway(standing, port)


@pytest.fixture
def funclet(api_server: Server, tmp_path: Path, namespace: str) -> Command:
    """The command of the administrator, by certificate."""
    return at(command(api_server, tmp_path, namespace), namespace)


def at(funclet: Command, namespace: str) -> Command:
    funclet.env["FUNCLET_GATEWAY"] = f"{namespace}/funclet-gateway"
    return funclet


def called(gateway: Gateway) -> list[str]:
    """The names of the functions that were called."""
    return [path.split("/")[3] for path in gateway.standing.paths]


async def put_charts_token(connection: Connection, namespace: str, token: str) -> None:
    data = {"api.token": base64.b64encode(token.encode()).decode()}
    path = f"/api/v1/namespaces/{namespace}/secrets"
    await connection.call("POST", path, body={"metadata": {"name": "funclet-keys"}, "data": data})


async def test_a_call_goes_through_the_api_server_byte_for_byte(funclet: Command, gateway: Gateway) -> None:
    ran = await funclet("invoke", "greet:live", "--payload", '{"name":  "Ada"}', "--tail")
    assert (ran.code, ran.out, ran.err) == (0, '{"name":  "Ada"}', "START\nhello from the log\nEND\n")
    assert called(gateway) == [f"{ARN}:live"]


async def test_a_functions_failure_is_told_from_a_call_that_did_not_reach_it(
    funclet: Command, gateway: Gateway
) -> None:
    ran = await funclet("invoke", ARN.replace("greet", "fails"))
    assert ran.code == 1
    assert "ZeroDivisionError" in ran.err
    assert called(gateway)[0].endswith(":fails")


async def test_the_users_own_token_goes_first_and_the_api_server_keeps_its_authorization(
    api_server: Server, tmp_path: Path, namespace: str, gateway: Gateway
) -> None:
    user = {"token": api_server.plane.token}
    assert (await at(command(api_server, tmp_path, namespace, user), namespace)("invoke", "greet")).code == 0
    assert gateway.tokens == [api_server.plane.token]
    assert gateway.bearers == [None]


async def test_who_has_no_token_takes_the_charts(
    funclet: Command, connection: Connection, namespace: str, gateway: Gateway
) -> None:
    await put_charts_token(connection, namespace, "of the chart")
    assert (await funclet("invoke", "greet")).code == 0
    assert gateway.tokens == ["of the chart"]


async def test_a_gateway_that_does_not_know_the_users_token_is_shown_the_charts(
    api_server: Server, connection: Connection, tmp_path: Path, namespace: str, gateway: Gateway
) -> None:
    await put_charts_token(connection, namespace, "of the chart")
    gateway.standing.known_tokens = {"of the chart"}
    user = {"token": api_server.plane.token}
    ran = await at(command(api_server, tmp_path, namespace, user), namespace)("invoke", "greet")
    assert (ran.code, ran.err) == (0, "")
    assert gateway.tokens == [api_server.plane.token, "of the chart"]


async def test_a_token_that_is_given_is_the_only_one(funclet: Command, gateway: Gateway) -> None:
    gateway.standing.known_tokens = {"another"}
    ran = await funclet("invoke", "greet", "--token", "given")
    assert ran.code == 5
    assert gateway.tokens == ["given"]
    assert "UnrecognizedClientException" in ran.err
    assert "Tokens: took FUNCLET_TOKEN." in ran.err


async def test_where_no_token_is_found_it_says_what_was_looked_for(
    funclet: Command, namespace: str, gateway: Gateway
) -> None:
    gateway.standing.known_tokens = {"another"}
    ran = await funclet("invoke", "greet")
    assert ran.code == 5
    assert gateway.tokens == [None]
    assert "MissingAuthenticationTokenException" in ran.err
    assert f"could not read the Secret funclet-keys in {namespace} (404)" in ran.err
    assert "Set FUNCLET_TOKEN" in ran.err


async def test_a_gateway_that_is_not_there_or_has_no_pods_exits_3(
    funclet: Command, gateway: Gateway, connection: Connection, namespace: str
) -> None:
    ran = await funclet("invoke", "greet", "--gateway", f"{namespace}/nowhere")
    assert ran.code == 3
    assert "Name the gateway's with --gateway NAMESPACE/SERVICE." in ran.err
    path = f"/api/v1/namespaces/{namespace}/endpoints/funclet-gateway"
    body = {"metadata": {"name": "funclet-gateway"}, "subsets": []}
    await connection.call("PUT", path, body=body)
    ran = await funclet("invoke", "greet")
    assert ran.code == 3
    assert "no endpoints available" in ran.err
    assert gateway.standing.paths == []


async def test_who_may_not_go_through_the_api_server_is_told_the_other_way(
    api_server: Server, connection: Connection, tmp_path: Path, namespace: str, gateway: Gateway
) -> None:
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    await connection.call("POST", accounts, body={"metadata": {"name": "shop"}})
    answer = await connection.call("POST", f"{accounts}/shop/token", body={"spec": {}})
    user = {"token": answer["status"]["token"]}
    ran = await at(command(api_server, tmp_path, namespace, user), namespace)("invoke", ARN)
    assert ran.code == 5
    assert "services/proxy" in ran.err
    assert "--url or FUNCLET_URL" in ran.err
    assert gateway.standing.paths == []


async def test_a_function_that_the_operator_has_not_seen_is_not_called(
    funclet: Command, kube: ClusterKube, namespace: str
) -> None:
    await kube.apply(function_in(namespace, "new"), manager="test")
    ran = await funclet("invoke", "new")
    assert ran.code == 5
    assert "funclet describe new" in ran.err
    assert (await funclet("invoke", "missing")).code == 4


@pytest.mark.parametrize("gateway_name", ["", "funclet-gateway", "/x", "x/"])
async def test_a_gateway_that_is_no_name_of_a_service_is_a_wrong_command_line(
    funclet: Command, gateway_name: str
) -> None:
    ran = await funclet("invoke", ARN, "--gateway", gateway_name)
    assert ran.code == 2
    assert "NAMESPACE/SERVICE" in ran.err


async def test_a_gateway_that_is_named_is_called_straight_and_by_bearer(
    funclet: Command, gateway: Gateway
) -> None:
    ran = await funclet("invoke", "greet", "--url", gateway.standing.url, "--token", "given")
    assert ran.code == 0
    assert gateway.bearers == ["Bearer given"]
    assert called(gateway) == [quote(ARN, safe="")]


async def test_a_token_that_was_found_goes_to_nobody_unencrypted(
    api_server: Server, tmp_path: Path, namespace: str, gateway: Gateway
) -> None:
    gateway.standing.known_tokens = {"another"}
    user = {"token": api_server.plane.token}
    funclet = at(command(api_server, tmp_path, namespace, user), namespace)
    ran = await funclet("invoke", "greet", "--url", gateway.standing.url)
    assert ran.code == 5
    assert gateway.bearers == [None]
    assert "is not encrypted, so no token was looked for" in ran.err
