"""Children on a real API server: what it fills in is no drift, and what a person does to them is seen."""

from collections.abc import Mapping
from typing import Any

import pytest

from funclet.api.function import Function
from funclet.api.rules import parse
from funclet.kube.client import ClusterKube
from funclet.kube.connection import Connection
from funclet.kube.port import InvalidError
from funclet.plan.children import Children, ChildrenObserved, plan_children
from funclet.plan.plan import Key
from support.api_server import api_server, connection, kube, namespace
from support.rendering import APP_IMAGE, cluster, revision_of
from support.restricted import violations

__all__ = ["api_server", "connection", "kube", "namespace"]

SPECS: dict[str, dict[str, Any]] = {
    "inline": {"runtime": "python", "handler": "app.handler", "code": {"inline": {"app.py": "x"}}},
    "image": {"code": {"image": APP_IMAGE}, "memory": "10240Mi", "ephemeralStorage": "1000000k"},
    "secrets": {
        "runtime": "provided",
        "handler": "bootstrap",
        "code": {"inline": {"bootstrap": "x"}},
        "memory": "200000001",
        "role": "reader",
        "secrets": [
            {"name": "db", "variables": {"PASSWORD": "password"}, "mountPath": "/etc/db"},
            {"name": "more", "prefix": ""},
        ],
        "configMaps": [{"name": "texts", "prefix": "T_", "mountPath": "/srv/texts"}],
    },
}
PLATFORM = {
    "pods": {
        "cpuLimit": True,
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "batch", "operator": "Exists"}, {"key": "x", "value": "y"}],
        "imagePullSecrets": [{"name": "registry"}],
    }
}


class Living:
    """The children of one Function, planned from what an API server holds."""

    def __init__(self, kube: ClusterKube, connection: Connection, function: Function) -> None:
        self.kube, self.connection, self.function = kube, connection, function
        self.revision = revision_of(function)

    @property
    def path(self) -> str:
        """Where the Deployment is."""
        return f"/apis/apps/v1/namespaces/{self.function.metadata.namespace}/deployments/{self.revision.key}"

    async def deployment(self) -> dict[str, Any]:
        """The Deployment, with who manages it."""
        whole = await self.connection.call("GET", self.path)
        return {"apiVersion": "apps/v1", "kind": "Deployment", **whole}

    async def plan(self) -> Children:
        """Plan for what is there."""
        kinds = {kind: await self.kube.list(kind) for kind in ("ControllerRevision", "Deployment")}
        named = {kind: {each["metadata"]["name"]: each for each in found} for kind, found in kinds.items()}
        if named["Deployment"]:
            named["Deployment"] = {self.revision.key: await self.deployment()}
        observed = ChildrenObserved(named["ControllerRevision"], named["Deployment"])
        needed = {self.revision.key: self.revision}
        return plan_children(
            self.function, needed, set(needed), observed, cluster(**PLATFORM), "2999-01-01T00:00:00Z"
        )

    async def carry_out(self, plan: Children) -> None:
        """Do it."""
        for key in plan.deletes:
            await self.kube.delete(key)
        for manifest in plan.creates:
            await self.kube.create(manifest, manager="funclet-create")
        for manifest in plan.applies:
            await self.kube.apply(manifest, manager="funclet")

    async def settle(self) -> int:
        """Plan and carry out until nothing is left; how many plans that took."""
        for count in range(6):
            plan = await self.plan()
            assert not plan.refused
            if not (plan.creates or plan.applies or plan.deletes):
                return count
            await self.carry_out(plan)
        raise AssertionError(f"the plans never come to rest: {plan}")

    async def edit(self, pod: Mapping[str, Any]) -> None:
        """Change the pod as `kubectl edit` does."""
        body = {"spec": {"template": {"spec": pod}}}
        await self.connection.call(
            "PATCH",
            f"{self.path}?fieldManager=kubectl-edit",
            body=body,
            content_type="application/strategic-merge-patch+json",
        )


@pytest.fixture(params=sorted(SPECS))
async def living(
    request: pytest.FixtureRequest, kube: ClusterKube, connection: Connection, namespace: str
) -> Living:
    """A Function with its children."""
    manifest = {
        "apiVersion": "funclet.dev/v1alpha1",
        "kind": "Function",
        "metadata": {"name": "greet", "namespace": namespace},
        "spec": SPECS[request.param],
    }
    stored = await kube.apply(manifest, manager="user")
    function = parse(stored, unknown="refuse")
    assert isinstance(function, Function)
    living = Living(kube, connection, function)
    assert await living.settle() == 2
    return living


async def test_what_the_api_server_makes_of_children_is_no_drift(living: Living) -> None:
    assert await living.settle() == 0
    pod = (await living.deployment())["spec"]["template"]
    assert violations(pod) == []


async def test_a_record_cannot_be_changed(living: Living) -> None:
    key = Key("ControllerRevision", living.function.metadata.namespace, living.revision.key)
    record = await living.kube.get(key)
    with pytest.raises(InvalidError):
        await living.kube.apply({**record, "data": {"template": {}}}, manager="somebody")


async def test_a_changed_value_is_put_back_and_the_scale_stays(living: Living) -> None:
    key = Key("Deployment", living.function.metadata.namespace, living.revision.key)
    await living.kube.scale(key, 2, manager="funclet-gateway")
    before = (await living.deployment())["spec"]
    await living.edit({"containers": [{"name": "function", "image": "miner:latest"}]})
    assert await living.settle() == 1
    assert (await living.deployment())["spec"] == before
    assert before["replicas"] == 2


@pytest.mark.parametrize(
    "pod",
    [
        {"hostNetwork": True},
        {"containers": [{"name": "miner", "image": "miner:latest"}]},
        {"containers": [{"name": "function", "env": [{"name": "LD_PRELOAD", "value": "x"}]}]},
    ],
    ids=["field", "container", "variable"],
)
async def test_what_a_person_added_is_taken_away(living: Living, pod: dict[str, Any]) -> None:
    before = (await living.deployment())["spec"]["template"]
    await living.edit(pod)
    assert await living.settle() == 2
    assert (await living.deployment())["spec"]["template"] == before
