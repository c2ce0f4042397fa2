"""Function pods and their Deployment, as an API server shows them."""

from typing import Any

from support.objects import NOW

REVISION = "greet-latest-x"
Object = dict[str, Any]


def of_replica_set(revision: str) -> Object:
    """What the metadata of a pod has that a ReplicaSet of the revision's Deployment made."""
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": f"{revision}-6c5f7",
        "uid": "a-replica-set",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    labels = {"funclet.dev/revision": revision, "pod-template-hash": "6c5f7"}
    return {"labels": labels, "ownerReferences": [owner]}


def pod(
    name: str = "a",
    *,
    state: Object | None = None,
    last: Object | None = None,
    ready: bool = False,
    conditions: tuple[Object, ...] = (),
    created: str = NOW,
    phase: str = "Running",
    **metadata: Any,
) -> Object:
    """A pod; `state` is its container's, which else does nothing that is known."""
    container: Object = {
        "name": "function",
        "image": "app@sha256:00",
        "state": state or {},
        "lastState": last or {},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "default",
            **of_replica_set(REVISION),
            "creationTimestamp": created,
            **metadata,
        },
        "status": {
            "phase": phase,
            "conditions": [condition("Ready", "True" if ready else "False"), *conditions],
            "containerStatuses": [container],
        },
    }


def condition(type_: str, status: str, reason: str = "", message: str = "", since: str = NOW) -> Object:
    """A condition of a pod or a Deployment."""
    said = {"reason": reason, "message": message}
    return {"type": type_, "status": status, "lastTransitionTime": since, **said}


def waiting(reason: str, message: str = "") -> Object:
    """The state of a container that does not run yet."""
    return {"waiting": {"reason": reason, "message": message}}


def ended(code: int, message: str = "", reason: str = "Error") -> Object:
    """The state of a container that ended."""
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


def deployment(*conditions: Object, volumes: tuple[Object, ...] = ()) -> Object:
    """The Deployment of the pods."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": REVISION, "namespace": "default"},
        "spec": {"replicas": 1, "template": {"spec": {"volumes": list(volumes)}}},
        "status": {"conditions": list(conditions)},
    }
