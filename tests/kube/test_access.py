"""Who a token is, and what that caller may do, on a real API server."""

import asyncio
import itertools
import json
from pathlib import Path

import pytest

from funclet.kube.access import caller_of, is_allowed
from funclet.kube.client import ClusterKube, connect
from funclet.kube.cluster_port import Caller, ForbiddenError
from funclet.kube.connection import MERGE, Connection
from support.api_server import Server
from support.cluster_objects import function_in


async def make_account(connection: Connection, namespace: str, name: str) -> None:
    body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
    await connection.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", body=body)


async def token_of(connection: Connection, namespace: str, name: str, *audiences: str) -> str:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": list(audiences), "expirationSeconds": 600},
    }
    return str((await connection.call("POST", path, body=body))["status"]["token"])


async def allow(connection: Connection, namespace: str, account: str, *names: str) -> None:
    """Let the account invoke these functions of its namespace."""
    api = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    group = "rbac.authorization.k8s.io"
    rule = {
        "apiGroups": ["funclet.dev"],
        "resources": ["functions/invoke"],
        "verbs": ["create"],
        "resourceNames": list(names),
    }
    role = {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": {"name": "i"}, "rules": [rule]}
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "i"},
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "i"},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    }
    await connection.call("POST", f"{api}/roles", body=role)
    await connection.call("POST", f"{api}/rolebindings", body=binding)


async def test_a_token_of_a_service_account_stands_for_it(
    kube: ClusterKube, connection: Connection, namespace: str
) -> None:
    await make_account(connection, namespace, "app")
    caller = await kube.review_token(await token_of(connection, namespace, "app", "funclet"), ("funclet",))
    assert caller is not None
    assert caller.name == f"system:serviceaccount:{namespace}:app"
    assert caller.namespace == namespace
    assert f"system:serviceaccounts:{namespace}" in caller.groups
    assert caller.uid


async def test_a_token_that_is_meant_for_others_stands_for_nobody(
    kube: ClusterKube, connection: Connection, namespace: str
) -> None:
    await make_account(connection, namespace, "app")
    token = await token_of(connection, namespace, "app", "somebody-else")
    assert await kube.review_token(token, ("funclet",)) is None
    assert await kube.review_token(token, ()) is None


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "\u00e9"])
async def test_what_is_no_token_stands_for_nobody(kube: ClusterKube, token: str) -> None:
    assert await kube.review_token(token, ("funclet",)) is None


async def test_a_caller_may_what_a_role_says_and_nothing_else(
    kube: ClusterKube, connection: Connection, namespace: str
) -> None:
    await make_account(connection, namespace, "app")
    await allow(connection, namespace, "app", "greet")
    caller = await kube.review_token(await token_of(connection, namespace, "app", "funclet"), ("funclet",))
    assert caller is not None

    async def may(**question: str) -> bool:
        asked = {"verb": "create", "resource": "functions/invoke", "namespace": namespace, "name": "greet"}
        return await kube.may(caller, **{**asked, **question})

    assert await may()
    assert not await may(name="other")
    assert not await may(namespace="default")
    assert not await may(verb="get")
    assert not await may(resource="functions")


async def test_groups_and_extra_count_too(kube: ClusterKube) -> None:
    admin = Caller("anybody", "", ("system:masters",), {"scopes": ("a", "b")})
    assert await kube.may(admin, verb="create", resource="functions/invoke", namespace="default", name="x")


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"authenticated": False, "user": {"username": "x"}},
        {"authenticated": True, "user": {"username": "x"}},
        {"authenticated": True, "audiences": ["other"], "user": {"username": "x"}},
    ],
)
def test_a_server_that_did_not_check_the_audience_vouches_for_nobody(status: dict[str, object]) -> None:
    assert caller_of({"status": status}, ("funclet",)) is None


@pytest.mark.parametrize(
    "status", [{}, {"allowed": False}, {"allowed": True, "denied": True}, {"allowed": 1}]
)
def test_only_a_plain_yes_is_one(status: dict[str, object]) -> None:
    assert not is_allowed({"status": status})


async def test_what_a_role_does_not_allow_is_forbidden_to_us_too(
    api_server: Server, connection: Connection, namespace: str, tmp_path: Path
) -> None:
    await make_account(connection, namespace, "app")
    document = json.loads(api_server.kubeconfig.read_text("utf-8"))
    audience = "https://kubernetes.default.svc.cluster.local"
    document["users"][0]["user"] = {"token": await token_of(connection, namespace, "app", audience)}
    (tmp_path / "config").write_text(json.dumps(document), "utf-8")
    limited = await connect(tmp_path / "config")
    with pytest.raises(ForbiddenError, match=f"system:serviceaccount:{namespace}:app"):
        await limited.list("Function", namespace)
    await limited.close()


async def test_a_quota_that_is_used_up_is_forbidden_with_its_name(
    kube: ClusterKube, connection: Connection, namespace: str
) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few"},
        "spec": {"hard": {"count/functions.funclet.dev": "0"}},
    }
    made = await connection.call("POST", f"/api/v1/namespaces/{namespace}/resourcequotas", body=quota)
    path = f"/api/v1/namespaces/{namespace}/resourcequotas/few/status"
    status = {"status": {"hard": made["spec"]["hard"], "used": {"count/functions.funclet.dev": "0"}}}
    await connection.call("PATCH", path, body=status, content_type=MERGE)

    async def apply_until_refused() -> None:
        for number in itertools.count():
            await kube.apply(function_in(namespace, f"f{number}"), manager="user")

    async with asyncio.timeout(10):
        with pytest.raises(ForbiddenError, match="exceeded quota: few"):
            await apply_until_refused()
