"""The record and the Deployment of a revision: made when wanted, put back, never taken from others, removed at last."""

from collections.abc import Callable
from typing import Any

import pytest

from funclet.kube.connection import Connection
from funclet.kube.kinds import OURS
from funclet.kube.port import Object
from funclet.plan.labels import REVISION
from funclet.reconcile import children
from support.api_server import Server, make_namespace
from support.cluster_objects import deployment_in
from support.operators import Seen, condition, running
from support.reconcilers import at_work, reconciler

STRATEGIC = "application/strategic-merge-patch+json"


def managers(found: Object) -> dict[tuple[str, str], dict[str, Any]]:
    """What each manager has, by its name and what it did."""
    return {
        (each["manager"], each["operation"]): each["fieldsV1"]
        for each in found["metadata"]["managedFields"]
        if each.get("subresource") != "status"
    }


async def edit(seen: Seen, name: str, pod: dict[str, Any]) -> None:
    """Change the pods of a Deployment as `kubectl edit` does."""
    await seen.connection.call(
        "PATCH",
        f"/apis/apps/v1/namespaces/{seen.namespace}/deployments/{name}?fieldManager=kubectl-edit",
        body={"spec": {"template": {"spec": pod}}},
        content_type=STRATEGIC,
    )


def image(deployment: Object) -> str:
    """What the function's container runs."""
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


async def test_nothing_is_made_before_a_gateway_wants_it(seen: Seen) -> None:
    name = seen.new()
    await seen.apply(seen.function(name))
    revision = (await seen.ready(name))["status"]["latestRevision"]
    await seen.settled()
    assert await seen.there(revision, "Deployment") is None
    assert await seen.there(revision, "ControllerRevision") is None


async def test_a_wanted_revision_gets_a_record_and_a_deployment_at_zero(seen: Seen) -> None:
    name = seen.new()
    await seen.apply(seen.function(name))
    deployment = await seen.deployed(name)
    revision = deployment["metadata"]["name"]
    assert deployment["spec"]["replicas"] == 0
    record = await seen.get(revision, "ControllerRevision")
    owner = {"apiVersion": "funclet.dev/v1alpha1", "kind": "Function", "name": name, "controller": True,
             "blockOwnerDeletion": True, "uid": (await seen.get(name))["metadata"]["uid"]}  # fmt: skip
    for child in (record, deployment):
        assert child["metadata"]["ownerReferences"] == [owner]
        assert child["metadata"]["labels"][REVISION] == revision
        assert "finalizers" not in child["metadata"]
        assert set(managers(await seen.raw(revision, child["kind"]))) == {("funclet-create", "Update")}


async def test_the_wish_of_a_gateway_outlives_every_status_of_the_operator(seen: Seen) -> None:
    name = seen.new()
    await seen.apply(seen.function(name))
    revision = (await seen.deployed(name))["metadata"]["name"]
    await seen.apply(seen.function(name, description="changed"))
    found = await seen.ready(name)
    assert found["status"]["wanted"] == {revision: "2026-01-01T00:00:00Z"}


async def test_a_changed_image_is_put_back_and_the_scale_stays_whose_it_is(seen: Seen) -> None:
    name = seen.new()
    await seen.apply(seen.function(name))
    deployment = await seen.deployed(name)
    revision = deployment["metadata"]["name"]
    await seen.kube.scale(seen.key(revision, "Deployment"), 3, manager="funclet-gateway")
    await edit(seen, revision, {"containers": [{"name": "function", "image": "miner:latest"}]})
    healed = await seen.until(revision, lambda found: image(found) == image(deployment), "Deployment")
    assert healed["spec"]["replicas"] == 3
    by = managers(await seen.raw(revision, "Deployment"))
    assert "f:replicas" not in by["funclet", "Apply"]["f:spec"]
    assert "f:replicas" in by["funclet-gateway", "Update"]["f:spec"]
    assert "Restored" in await seen.events(name)


@pytest.mark.parametrize("kind", ["Deployment", "ControllerRevision"])
async def test_a_deleted_child_comes_back(seen: Seen, kind: str) -> None:
    name = seen.new()
    await seen.apply(seen.function(name))
    await seen.deployed(name)
    revision = (await seen.get(name))["status"]["latestRevision"]
    before = await seen.get(revision, kind)
    await seen.kube.delete(seen.key(revision, kind))
    after = await seen.until(
        revision, lambda found: found["metadata"]["uid"] != before["metadata"]["uid"], kind
    )
    assert after.get("data") == before.get("data")
    assert after.get("spec", {}).get("template") == before.get("spec", {}).get("template")


async def test_labels_that_were_taken_away_come_back(seen: Seen) -> None:
    """Without Funclet's label a Deployment is in no watch: for the operator it is gone, and for the API server not."""
    name = seen.new()
    await seen.apply(seen.function(name))
    revision = (await seen.deployed(name))["metadata"]["name"]
    label, _, value = OURS.partition("=")
    await seen.merge(revision, {"metadata": {"labels": {label: None}}}, "Deployment")
    await seen.until(revision, lambda found: found["metadata"]["labels"].get(label) == value, "Deployment")


async def test_what_a_person_added_is_taken_away(connection: Connection, namespace: str) -> None:
    seen = Seen(connection, namespace)
    later = "2999-01-01T00:00:00Z"
    async with at_work(reconciler(seen.kube, now=lambda: later)):
        name = seen.new()
        await seen.apply(seen.function(name))
        revision = (await seen.deployed(name))["metadata"]["name"]
        await edit(seen, revision, {"containers": [{"name": "miner", "image": "miner:latest"}]})
        healed = await seen.until(
            revision, lambda found: len(found["spec"]["template"]["spec"]["containers"]) == 1, "Deployment"
        )
    assert healed["spec"]["replicas"] == 0


async def test_a_deployment_that_was_edited_and_deleted_at_once_comes_back_without_instances(
    seen: Seen,
) -> None:
    """The edit is put back when the Deployment is gone already: that must not make another, of one instance."""
    name = seen.new()
    await seen.apply(seen.function(name))
    revision = (await seen.deployed(name))["metadata"]["name"]
    replicas = []
    for _ in range(12):
        uid = (await seen.get(revision, "Deployment"))["metadata"]["uid"]
        await seen.merge(revision, {"spec": {"progressDeadlineSeconds": 77}}, "Deployment")
        await seen.kube.delete(seen.key(revision, "Deployment"))
        again = await seen.until(revision, _is_another(uid), "Deployment")
        replicas.append(again["spec"]["replicas"])
    assert replicas == [0] * 12


def _is_another(uid: str) -> Callable[[Object], bool]:
    return lambda found: bool(found["metadata"]["uid"] != uid)


@pytest.mark.parametrize("labelled", [True, False], ids=["with our label", "without"])
async def test_an_object_of_somebody_else_is_never_adopted_and_its_name_taken_once_it_is_gone(
    connection: Connection, namespace: str, monkeypatch: pytest.MonkeyPatch, *, labelled: bool
) -> None:
    monkeypatch.setattr(children, "_IN_VAIN", 0.3)
    seen = Seen(connection, namespace)
    async with at_work(reconciler(seen.kube)):
        name = seen.new()
        await seen.apply(seen.function(name))
        revision = (await seen.ready(name))["status"]["latestRevision"]
        foreign = deployment_in(namespace, revision, replicas=2)
        if not labelled:
            foreign["metadata"].pop("labels")
        theirs = await seen.kube.create(foreign, manager="kubectl")
        await seen.want(name, revision)
        told = await seen.said(name, "NotOwned")
        assert condition(told)["status"] == "False"
        assert f"kubectl delete deployment {revision} -n {namespace}" in condition(told)["message"]
        assert await seen.get(revision, "Deployment") == theirs
        await seen.kube.delete(seen.key(revision, "Deployment"))
        await seen.ready(name)
        ours = await seen.until(revision, bool, "Deployment")
        assert ours["metadata"]["ownerReferences"]


async def test_a_pod_that_merely_has_our_labels_is_neither_counted_nor_adopted_nor_deleted(
    seen: Seen,
) -> None:
    name = seen.new()
    await seen.apply(seen.function(name))
    deployment = await seen.deployed(name)
    template = deployment["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": template["spec"],
           "metadata": {**template["metadata"], "name": f"{name}-foreign", "namespace": seen.namespace}}  # fmt: skip
    await seen.kube.create(pod, manager="kubectl")
    await seen.merge(f"{name}-foreign", {"status": {"phase": "Succeeded"}}, "Pod", sub="status")
    await seen.settled()
    assert (await seen.get(name))["status"]["instances"] == 0
    assert "ownerReferences" not in (await seen.raw(f"{name}-foreign", "Pod"))["metadata"]


async def idle(seen: Seen, name: str, replicas: int) -> None:
    """Say of a Deployment what the controller manager would."""
    found = await seen.get(name, "Deployment")
    status = {"observedGeneration": found["metadata"]["generation"], "replicas": replicas}
    await seen.merge(name, {"status": status}, "Deployment", sub="status")


async def test_a_superseded_revision_loses_its_children_only_when_it_has_no_instance_left(seen: Seen) -> None:
    name = seen.new()
    await seen.apply(seen.function(name))
    old = (await seen.deployed(name))["metadata"]["name"]
    await seen.kube.scale(seen.key(old, "Deployment"), 1, manager="funclet-gateway")
    await idle(seen, old, 1)
    await seen.apply(seen.function(name, memory="256Mi"))
    new = (await seen.until(name, lambda found: found["status"]["servingRevision"] != old))["status"]
    assert new["latestRevision"] == new["servingRevision"]
    await seen.settled()
    assert await seen.there(old, "Deployment") is not None
    await seen.kube.scale(seen.key(old, "Deployment"), 0, manager="funclet-gateway")
    await seen.settled()
    assert await seen.there(old, "Deployment") is not None
    await idle(seen, old, 0)
    await seen.gone(old, "Deployment")
    await seen.gone(old, "ControllerRevision")


async def test_a_newer_operator_leaves_existing_revisions_as_they_are(
    api_server: Server, connection: Connection
) -> None:
    namespace = Seen.new()
    await make_namespace(connection, namespace)
    seen = Seen(connection, namespace)
    name = seen.new()
    with running(api_server.kubeconfig, namespace) as older:
        await seen.apply(seen.function(name, publish="Auto"))
        await seen.deployed(name)
        (version,) = [each["metadata"]["name"] for each in await seen.kube.list("FunctionVersion")]
        old = (await seen.deployed(version, "FunctionVersion"))["metadata"]["name"]
        latest = (await seen.get(name))["status"]["latestRevision"]
        await seen.settled()
        older.terminate()
    children = [(kind, each) for kind in ("ControllerRevision", "Deployment") for each in (old, latest)]
    before = await seen.versions_of(*children)
    newer: dict[str, Any] = {
        "supervisorImage": {"ref": "funclet.example/supervisor:2.0", "digest": "sha256:" + "7" * 64},
        "pods": {"cpuLimit": True, "runAsUser": 1000, "nodeSelector": {"disk": "ssd"}},
    }
    with running(api_server.kubeconfig, namespace, "two", **newer):
        await seen.settled()
        assert await seen.versions_of(*children) == before
        # What a newer operator makes again is what the older one recorded.
        recorded = (await seen.get(old, "ControllerRevision"))["data"]["template"]
        await seen.kube.delete(seen.key(old, "Deployment"))
        again = await seen.until(old, bool, "Deployment")
        assert image(again) == recorded["spec"]["containers"][0]["image"]
        assert "disk" not in again["spec"]["template"]["spec"]["nodeSelector"]
