"""With the chart's roles and nothing else, operator and gateway do all that they do on a real API server."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from funclet.kube.client import ClusterKube, connect
from funclet.kube.cluster_port import ForbiddenError
from funclet.kube.leadership import Leadership
from funclet.kube.membership import Membership
from funclet.plan.plan import Event, Key
from support.chart import NAMESPACE
from support.chart_cluster import Cluster
from support.manifests import manifest

pytestmark = pytest.mark.processes

FUNCTION = Key("Function", "default", "greet")
DEPLOYMENT = Key("Deployment", "default", "greet-1")
LABELS = {"app.kubernetes.io/managed-by": "funclet"}
STATUS: dict[str, Any] = {"observedGeneration": 1}


def child(kind: str, **content: Any) -> dict[str, Any]:
    meta = {"name": "greet-1", "namespace": "default", "labels": LABELS}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": meta, **content}


def deployment() -> dict[str, Any]:
    template = {
        "metadata": {"labels": LABELS},
        "spec": {"containers": [{"name": "function", "image": "function:1"}]},
    }
    return child(
        "Deployment", spec={"replicas": 0, "selector": {"matchLabels": LABELS}, "template": template}
    )


def version() -> dict[str, Any]:
    made = manifest("FunctionVersion")
    return {**made, "metadata": {"name": "greet-v1", "namespace": "default"}}


@pytest_asyncio.fixture
async def operator(cluster: Cluster) -> AsyncIterator[ClusterKube]:
    cluster.plane.kubectl.apply(manifest("Function"))
    kube = await connect(cluster.kubeconfig_of("funclet-operator"))
    yield kube
    await kube.close()


@pytest_asyncio.fixture
async def gateway(cluster: Cluster) -> AsyncIterator[ClusterKube]:
    cluster.plane.kubectl.apply(manifest("Function"))
    kube = await connect(cluster.kubeconfig_of("funclet-gateway"))
    yield kube
    await kube.close()


async def test_the_operator_leads_writes_status_and_tells_of_it(operator: ClusterKube) -> None:
    loop = asyncio.get_running_loop()
    leadership = Leadership(operator, Key("Lease", NAMESPACE, "funclet-operator"), "one", clock=loop.time)
    await leadership.attempt()
    await leadership.attempt()
    assert leadership.holds(5)
    await operator.patch_status(FUNCTION, STATUS, manager="funclet")
    for _ in range(2):
        await operator.record(FUNCTION, Event("Normal", "Published", "It is."))
    assert (await operator.get(FUNCTION))["status"]["observedGeneration"] == 1


async def test_the_operator_makes_mends_and_deletes_the_children_of_a_revision(operator: ClusterKube) -> None:
    await operator.create(child("ControllerRevision", revision=1, data={}), manager="funclet-create")
    await operator.create(deployment(), manager="funclet-create")
    await operator.apply(deployment(), manager="funclet")
    for kind in ("Deployment", "ControllerRevision"):
        assert [each["metadata"]["name"] for each in await operator.list(kind)] == ["greet-1"]
        await operator.delete(Key(kind, "default", "greet-1"))
    assert await operator.list("Pod") == []


async def test_the_operator_publishes_and_removes_a_version(operator: ClusterKube) -> None:
    await operator.apply(version(), manager="funclet")
    await operator.patch_status(Key("FunctionVersion", "default", "greet-v1"), STATUS, manager="funclet")
    await operator.delete(Key("FunctionVersion", "default", "greet-v1"))


async def test_a_gateway_is_a_member_and_leaves(gateway: ClusterKube) -> None:
    member = Membership(gateway, namespace=NAMESPACE, identity="one", address="192.0.2.1:8702")
    await member.attempt()
    await member.attempt()
    assert member.renewed(5)
    await member.leave()
    left = {lease["metadata"]["name"] for lease in await gateway.list("Lease", NAMESPACE)}
    assert "funclet-gateway-one" not in left


async def test_a_gateway_wants_and_scales(gateway: ClusterKube, cluster: Cluster) -> None:
    cluster.plane.kubectl.apply(deployment())
    await gateway.want(FUNCTION, {"greet-1": "2026-01-01T00:00:00Z"}, manager="funclet-gateway")
    await gateway.scale(DEPLOYMENT, 1, manager="funclet-gateway")
    assert (await gateway.get(DEPLOYMENT))["spec"]["replicas"] == 1
    cluster.plane.kubectl("delete", "deployment", "greet-1", "-n", "default")


async def test_a_gateway_asks_whom_a_token_stands_for_and_what_he_may(
    gateway: ClusterKube, cluster: Cluster
) -> None:
    token = cluster.plane.kubectl("create", "token", "funclet-operator", "-n", NAMESPACE).strip()
    caller = await gateway.review_token(token, ())
    assert caller is not None
    assert caller.namespace == NAMESPACE
    assert not await gateway.may(
        caller, verb="invoke", resource="functions", namespace="default", name="greet"
    )


@pytest.mark.parametrize("kind", ["Function", "FunctionVersion", "Alias", "Deployment", "Pod"])
async def test_both_watch_what_they_follow(operator: ClusterKube, gateway: ClusterKube, kind: str) -> None:
    for kube in (operator, gateway):
        assert isinstance(await kube.list(kind), list)


async def test_a_gateway_writes_no_deployment_and_deletes_no_pod(gateway: ClusterKube) -> None:
    with pytest.raises(ForbiddenError):
        await gateway.apply(deployment(), manager="funclet-gateway")
    with pytest.raises(ForbiddenError):
        await gateway.delete(Key("Pod", "default", "greet-1"))


async def test_the_operator_writes_no_spec_of_a_function(operator: ClusterKube) -> None:
    made = manifest("Function", memory="256Mi")
    with pytest.raises(ForbiddenError):
        await operator.apply(
            {**made, "metadata": {"name": "greet", "namespace": "default"}}, manager="funclet"
        )
