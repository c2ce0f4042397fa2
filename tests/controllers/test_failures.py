"""Why a function does not start, as pods and Deployments show it, reaches its status."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from funclet.kube.connection import Connection
from funclet.kube.port import Object
from funclet.reconcile import children
from support.operators import Seen, condition, eventually
from support.pods import of_replica_set
from support.reconcilers import at_work, reconciler


def ago(seconds: float) -> str:
    """A time as Kubernetes writes it."""
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def waiting(reason: str, message: str) -> Object:
    """A pod whose container waits."""
    container = {
        "name": "function", "image": "registry.example/app:1", "imageID": "", "ready": False, "restartCount": 0,
        "state": {"waiting": {"reason": reason, "message": message}},
    }  # fmt: skip
    return {"phase": "Pending", "containerStatuses": [container]}


def ended(code: int, reason: str = "Error", message: str = "") -> Object:
    """A pod whose container ended."""
    state = {"terminated": {"exitCode": code, "reason": reason, "message": message}}
    return {
        "phase": "Running",
        "containerStatuses": [{**waiting("", "")["containerStatuses"][0], "state": state}],
    }


def conditions(**said: tuple[str, str, str, float]) -> Object:
    """A pod without a container yet: status, reason, message and age of conditions."""
    return {
        "phase": "Pending",
        "conditions": [
            {
                "type": type_,
                "status": status,
                "reason": reason,
                "message": message,
                "lastTransitionTime": ago(age),
            }
            for type_, (status, reason, message, age) in said.items()
        ],
    }


NO_MATCH = (
    'failed to pull and unpack image "registry.example/app:1": no match for platform in manifest: not found'
)
UNAUTHORIZED = "failed to pull image: authorization failed: insufficient_scope"
PODS: dict[str, tuple[Object, str, str]] = {
    "an image without its tag": (waiting("ErrImagePull", "manifest unknown"), "ImageUnavailable", "manifest unknown"),
    "a name that is none": (waiting("InvalidImageName", "couldn't parse image"), "ImageUnavailable", "registry.example"),
    "a registry that is not there": (
        waiting("ImagePullBackOff", "dial tcp: lookup nowhere.example: no such host"), "ImageUnavailable", "no such host",
    ),
    "a private image": (waiting("ImagePullBackOff", UNAUTHORIZED), "ImageUnavailable", "imagePullSecrets"),
    "an image of another architecture": (waiting("ErrImagePull", NO_MATCH), "ImageUnavailable", "architecture"),
    "a program of another architecture": (
        ended(255, message="exec /funclet/bin/supervisor: exec format error"), "InitFailed", "exec format error",
    ),
    "a program that is not there": (
        waiting("RunContainerError", 'exec: "nothing": executable file not found in $PATH'),
        "ContainerNotCreated", "spec.code.image.command",
    ),
    "a secret that is not there": (
        waiting("CreateContainerConfigError", 'secret "db" not found'), "ConfigurationMissing", 'secret "db" not found',
    ),
    "a key that is not there": (
        waiting("CreateContainerConfigError", "couldn't find key password in Secret shop/db"),
        "ConfigurationMissing", "spec.secrets",
    ),
    "an error in init": (ended(3, message="Runtime.ImportModuleError: No module named 'app'"), "InitFailed", "No module"),
    "a crash": (ended(139), "CrashLoop", "exit status 139"),
    "no memory": (ended(137, "OOMKilled"), "OutOfMemory", "raise spec.memory"),
    "no node": (
        conditions(PodScheduled=("False", "Unschedulable", "0/3 nodes are available: 3 Insufficient memory.", 20)),
        "NoNode", "Insufficient memory",
    ),
}  # fmt: skip
REFUSED = {
    "a quota that is used up": (
        'pods "x" is forbidden: exceeded quota: small, requested: memory=1Gi, used: memory=0, limited: memory=1Mi', "QuotaExceeded", "raise the ResourceQuota",
    ),
    "a limit range": (
        'pods "x" is forbidden: maximum memory usage per Container is 64Mi, but limit is 672Mi', "QuotaExceeded", "LimitRange",
    ),
    "a service account that is not there": (
        'pods "x" is forbidden: error looking up service account shop/reader: serviceaccount "reader" not found',
        "RoleNotFound", "spec.role",
    ),
    "a stricter namespace": (
        'pods "x" is forbidden: violates PodSecurity "restricted:latest": seccompProfile', "PodRefused", "PodSecurity",
    ),
}  # fmt: skip


async def pod_of(seen: Seen, deployment: Object, status: Object) -> str:
    """Make a pod of a Deployment, and say of it what a kubelet would."""
    template, name = deployment["spec"]["template"], f"{deployment['metadata']['name']}-pod"
    made = of_replica_set(deployment["metadata"]["name"])
    labels = {**template["metadata"]["labels"], **made["labels"]}
    metadata = {**template["metadata"], **made, "labels": labels, "name": name, "namespace": seen.namespace}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    await seen.kube.create(pod, manager="kube-controller-manager")
    await seen.merge(name, {"status": status}, "Pod", sub="status", by="kubelet")
    return name


@pytest.mark.parametrize("case", PODS)
async def test_what_keeps_a_pod_from_starting_is_told(seen: Seen, case: str) -> None:
    status, reason, words = PODS[case]
    name = seen.new()
    await seen.apply(seen.function(name))
    await pod_of(seen, await seen.deployed(name), status)
    told = await seen.said(name, reason)
    assert words in condition(told)["message"]
    assert condition(told, "Stalled")["status"] == "True"

    async def recorded() -> bool:
        return reason in await seen.events(name)

    await eventually(recorded)


@pytest.mark.parametrize("case", REFUSED)
async def test_what_keeps_a_pod_from_being_made_is_told_and_forgotten_when_it_has_passed(
    seen: Seen, case: str
) -> None:
    message, reason, words = REFUSED[case]
    name = seen.new()
    await seen.apply(seen.function(name))
    deployment = (await seen.deployed(name))["metadata"]["name"]
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    await seen.merge(deployment, {"status": {"conditions": [failure]}}, "Deployment", sub="status")
    assert words in condition(await seen.said(name, reason))["message"]


async def test_a_pod_that_no_node_takes_is_told_of_although_nothing_happens_to_it_any_more(
    seen: Seen,
) -> None:
    """A node may be on its way, so the first seconds are no failure: and then no watch says that they are over."""
    name = seen.new()
    await seen.apply(seen.function(name))
    unscheduled: dict[str, Any] = {
        "PodScheduled": ("False", "Unschedulable", "0/1 nodes are available: 1 Insufficient cpu.", 7)
    }
    await pod_of(seen, await seen.deployed(name), conditions(**unscheduled))
    await seen.until(name, lambda found: found["status"]["instances"] == 1)
    await seen.said(name, "NoNode")


async def test_a_failure_is_over_when_an_instance_is_ready(seen: Seen) -> None:
    name = seen.new()
    await seen.apply(seen.function(name))
    pod = await pod_of(seen, await seen.deployed(name), waiting("ErrImagePull", "connection reset"))
    await seen.said(name, "ImageUnavailable")
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": ago(0)}
    running = {**waiting("", "")["containerStatuses"][0], "state": {"running": {}}, "ready": True}
    status = {"phase": "Running", "conditions": [ready], "containerStatuses": [running]}
    await seen.merge(pod, {"status": status}, "Pod", sub="status", by="kubelet")
    found = await seen.ready(name)
    assert condition(found, "Active")["status"] == "True"


async def test_a_pod_whose_container_ended_is_deleted(seen: Seen) -> None:
    name = seen.new()
    await seen.apply(seen.function(name))
    pod = await pod_of(seen, await seen.deployed(name), ended(1))
    await seen.gone(pod, "Pod")


async def test_a_changed_function_that_cannot_start_leaves_the_one_before_serving(seen: Seen) -> None:
    name = seen.new()
    await seen.apply(seen.function(name))
    old = await seen.deployed(name)
    pod = await pod_of(seen, old, conditions(Ready=("True", "", "", 0)))
    await seen.until(name, lambda found: found["status"]["instances"] == 1)
    await seen.apply(seen.function(name, memory="256Mi"))
    changed = await seen.said(name, "RevisionStarting")
    new = changed["status"]["latestRevision"]
    await seen.want(name, new)
    await pod_of(seen, await seen.until(new, bool, "Deployment"), waiting("ErrImagePull", "manifest unknown"))
    told = await seen.said(name, "ImageUnavailable")
    assert told["status"]["servingRevision"] == old["metadata"]["name"]
    assert "goes on serving" in condition(told)["message"]
    assert await seen.there(pod, "Pod") is not None


async def test_a_child_that_a_quota_refuses_is_told_and_made_when_the_quota_allows_it(
    connection: Connection, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "_IN_VAIN", 0.3)
    seen, counted = Seen(connection, namespace), "count/controllerrevisions.apps"
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": namespace},
        "spec": {"hard": {counted: "0"}},
    }
    await seen.kube.create(quota, manager="kubectl")
    used = {"hard": {counted: "0"}, "used": {counted: "0"}}
    await seen.merge("none", {"status": used}, "ResourceQuota", sub="status", by="kube-controller-manager")
    async with at_work(reconciler(seen.kube)):
        await seen.apply(seen.function("greet"))
        revision = (await seen.ready("greet"))["status"]["latestRevision"]
        await seen.want("greet", revision)
        told = await seen.said("greet", "QuotaExceeded")
        assert "exceeded quota: none" in condition(told)["message"]
        await seen.kube.delete(seen.key("none", "ResourceQuota"))
        await seen.until(revision, bool, "Deployment")
        await seen.ready("greet")
