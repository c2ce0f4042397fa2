"""How the client writes, on a real API server."""

from typing import Any

import pytest

from funclet.kube.client import ClusterKube
from funclet.kube.connection import Connection
from funclet.kube.port import ConflictError, InvalidError, NotFoundError
from funclet.plan.plan import Key
from support.cluster_objects import config_map_in, deployment_in, function_in


def greet(namespace: str) -> Key:
    return Key("Function", namespace, "greet")


def condition(type_: str, status: str) -> dict[str, Any]:
    return {
        "type": type_,
        "status": status,
        "reason": "Tested",
        "message": "",
        "lastTransitionTime": "2026-01-02T03:04:05Z",
    }


async def test_what_is_applied_can_be_read_without_who_manages_it(kube: ClusterKube, namespace: str) -> None:
    applied = await kube.apply(function_in(namespace, memory="256Mi"), manager="user")
    assert applied == await kube.get(greet(namespace))
    assert applied["spec"]["memory"] == "256Mi"
    assert "managedFields" not in applied["metadata"]


async def test_an_applied_object_may_be_applied_again_as_it_was_read(
    kube: ClusterKube, namespace: str, connection: Connection
) -> None:
    await kube.apply(function_in(namespace), manager="user")
    path = f"/apis/funclet.dev/v1alpha1/namespaces/{namespace}/functions/greet"
    whole = await connection.call("GET", path)
    assert whole["metadata"]["managedFields"]
    again = await kube.apply({**whole, "status": {"instances": 7}}, manager="user")
    assert again["metadata"]["uid"] == whole["metadata"]["uid"]
    assert again.get("status", {}).get("instances") != 7


async def test_a_field_that_is_no_longer_applied_goes_away(kube: ClusterKube, namespace: str) -> None:
    await kube.apply(function_in(namespace, environment={"A": "1", "B": "2"}), manager="user")
    applied = await kube.apply(function_in(namespace, environment={"A": "1"}), manager="user")
    assert applied["spec"]["environment"] == {"A": "1"}


async def test_an_object_that_breaks_a_rule_is_refused_with_every_field_that_does(
    kube: ClusterKube, namespace: str
) -> None:
    with pytest.raises(InvalidError) as refused:
        await kube.apply(function_in(namespace, memory="1Ki", timeout="20h"), manager="user")
    fields = " ".join(field for field, _ in refused.value.causes)
    assert "spec.memory" in fields
    assert "spec.timeout" in fields


async def test_an_apply_with_a_uid_does_not_touch_another_object_of_that_name(
    kube: ClusterKube, namespace: str
) -> None:
    await kube.apply(function_in(namespace), manager="user")
    other = function_in(namespace, memory="1Gi")
    other["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000"
    with pytest.raises(ConflictError):
        await kube.apply(other, manager="user")
    assert (await kube.get(greet(namespace)))["spec"].get("memory") != "1Gi"


async def test_an_apply_with_an_old_resource_version_is_refused(kube: ClusterKube, namespace: str) -> None:
    old = await kube.apply(function_in(namespace), manager="user")
    await kube.apply(function_in(namespace, memory="1Gi"), manager="user")
    late = function_in(namespace, memory="2Gi")
    late["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
    with pytest.raises(ConflictError):
        await kube.apply(late, manager="user")


async def test_what_exists_cannot_be_created(kube: ClusterKube, namespace: str) -> None:
    await kube.create(function_in(namespace), manager="user")
    with pytest.raises(ConflictError) as refused:
        await kube.create(function_in(namespace), manager="user")
    assert refused.value.reason == "AlreadyExists"


async def test_a_deployment_made_at_zero_and_applied_without_replicas_keeps_its_scale(
    kube: ClusterKube, namespace: str
) -> None:
    key = Key("Deployment", namespace, "r1")
    await kube.create(deployment_in(namespace, "r1", replicas=0), manager="funclet-create")
    await kube.apply(deployment_in(namespace, "r1"), manager="funclet")
    await kube.scale(key, 3, manager="funclet-gateway")
    applied = await kube.apply(deployment_in(namespace, "r1", image="example.com/none:2"), manager="funclet")
    assert applied["spec"]["replicas"] == 3
    assert applied["spec"]["template"]["spec"]["containers"][0]["image"] == "example.com/none:2"


async def test_what_is_not_there_cannot_be_scaled(kube: ClusterKube, namespace: str) -> None:
    with pytest.raises(NotFoundError):
        await kube.scale(Key("Deployment", namespace, "none"), 1, manager="funclet-gateway")


async def test_a_status_field_that_is_left_out_goes_away(kube: ClusterKube, namespace: str) -> None:
    await kube.apply(function_in(namespace), manager="user")
    both = {"conditions": [condition("Ready", "True"), condition("Stalled", "True")], "lastVersion": 2}
    await kube.patch_status(greet(namespace), both, manager="funclet")
    one = {"conditions": [condition("Ready", "False")], "lastVersion": 2, "instances": 0}
    patched = await kube.patch_status(greet(namespace), one, manager="funclet")
    assert patched["status"] == one


async def test_the_wishes_of_a_gateway_and_the_status_of_the_operator_leave_each_other_alone(
    kube: ClusterKube, namespace: str
) -> None:
    await kube.apply(function_in(namespace), manager="user")
    await kube.want(greet(namespace), {"r1": "2026-01-02T03:04:05Z", "r2": "x"}, manager="funclet-gateway")
    status = {"lastVersion": 1, "instances": 0}
    patched = await kube.patch_status(greet(namespace), status, manager="funclet")
    assert patched["status"] == {**status, "wanted": {"r1": "2026-01-02T03:04:05Z", "r2": "x"}}
    await kube.want(greet(namespace), {"r1": None}, manager="funclet-gateway")
    assert (await kube.get(greet(namespace)))["status"] == {**status, "wanted": {"r2": "x"}}


async def test_a_status_does_not_touch_the_spec_nor_its_generation(kube: ClusterKube, namespace: str) -> None:
    before = await kube.apply(function_in(namespace), manager="user")
    after = await kube.patch_status(greet(namespace), {"lastVersion": 1}, manager="funclet")
    assert after["spec"] == before["spec"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"]


async def test_the_status_of_what_is_not_there_cannot_be_written(kube: ClusterKube, namespace: str) -> None:
    with pytest.raises(NotFoundError):
        await kube.patch_status(greet(namespace), {"lastVersion": 1}, manager="funclet")
    with pytest.raises(NotFoundError):
        await kube.want(greet(namespace), {"r1": "x"}, manager="funclet-gateway")


async def test_only_the_object_that_was_meant_is_deleted(kube: ClusterKube, namespace: str) -> None:
    found = await kube.apply(function_in(namespace), manager="user")
    with pytest.raises(ConflictError):
        await kube.delete(greet(namespace), uid="00000000-0000-0000-0000-000000000000")
    await kube.delete(greet(namespace), uid=found["metadata"]["uid"])
    with pytest.raises(NotFoundError):
        await kube.get(greet(namespace))
    with pytest.raises(NotFoundError):
        await kube.delete(greet(namespace))


async def test_a_deletion_does_not_wait_for_what_the_object_owns(kube: ClusterKube, namespace: str) -> None:
    owner = await kube.apply(function_in(namespace), manager="user")
    await kube.create(config_map_in(namespace, "owned", owner=owner), manager="funclet")
    await kube.delete(greet(namespace))
    with pytest.raises(NotFoundError):
        await kube.get(greet(namespace))


@pytest.mark.parametrize("name", ["", ".", "..", "greet/status", "../functions/greet", "greet%2Fstatus"])
async def test_a_name_that_would_reach_other_objects_is_never_sent(
    kube: ClusterKube, namespace: str, name: str
) -> None:
    await kube.apply(function_in(namespace), manager="user")
    with pytest.raises(InvalidError):
        await kube.delete(Key("Function", namespace, name))
    assert len(await kube.list("Function")) == 1
