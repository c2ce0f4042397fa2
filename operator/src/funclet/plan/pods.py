"""What a function pod's status says, read from the plain object."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from funclet.plan.labels import REVISION
from funclet.plan.pod import CONTAINER

#: which template a ReplicaSet makes its pods from
_TEMPLATE = "pod-template-hash"
_Object = Mapping[str, Any]


def revision_of(pod: _Object) -> str | None:
    """Name the revision that a pod was made for by its Deployment; None for a pod that merely looks like one.

    Anybody may label a pod. That a ReplicaSet of the Deployment made it is said by its owner, whose name is the
    Deployment's with the hash that the pod is labelled with; ReplicaSets themselves are read by nobody here.
    """
    labels = pod["metadata"].get("labels") or {}
    revision, template = labels.get(REVISION), labels.get(_TEMPLATE)
    references = pod["metadata"].get("ownerReferences") or ()
    maker: _Object = next((each for each in references if each.get("controller")), {})
    is_made = (
        maker.get("kind") == "ReplicaSet"
        and str(maker.get("apiVersion")).startswith("apps/")
        and maker.get("name") == f"{revision}-{template}"
    )
    return str(revision) if revision and template and is_made else None


def is_leaving(pod: _Object) -> bool:
    """Whether it is being deleted."""
    return bool(pod["metadata"].get("deletionTimestamp"))


def is_ready(pod: _Object) -> bool:
    """Whether its runtime has asked for an event and it takes calls."""
    condition = condition_of(pod, "Ready")
    return condition is not None and condition.get("status") == "True"


def is_over(pod: _Object) -> bool:
    """Whether its node gave it up: evicted, shut down, or refused after all. It is replaced without being deleted."""
    return (pod.get("status") or {}).get("phase") in {"Failed", "Succeeded"}


def has_ended(pod: _Object) -> bool:
    """Whether the function's container ended, be it that the kubelet started it again."""
    return is_over(pod) or any(
        container.get("name") == CONTAINER and ending(container) is not None for container in containers(pod)
    )


def counts(pod: _Object) -> bool:
    """Whether it is an instance, or becomes one: not leaving, not ended, not on a node that is gone."""
    lost = (pod.get("status") or {}).get("reason") == "NodeLost"
    return not (lost or is_leaving(pod) or has_ended(pod))


def containers(pod: _Object) -> Iterator[_Object]:
    """Go through the statuses of its containers, those that run first before the function's."""
    status = pod.get("status") or {}
    for kind in ("initContainerStatuses", "containerStatuses"):
        yield from status.get(kind) or ()


def ending(container: _Object) -> _Object | None:
    """Tell how a container ended, now or before it was started again; None where it never did."""
    state = container.get("state") or {}
    last = container.get("lastState") or {}
    ended: _Object | None = state.get("terminated") or last.get("terminated")
    return ended


def waiting(container: _Object) -> tuple[str, str]:
    """Tell why a container does not run yet: reason and message, both empty where it does."""
    found = (container.get("state") or {}).get("waiting") or {}
    return found.get("reason") or "", found.get("message") or ""


def condition_of(manifest: _Object, type_: str) -> _Object | None:
    """Find a condition of a pod or a Deployment."""
    conditions = (manifest.get("status") or {}).get("conditions") or ()
    return next((condition for condition in conditions if condition.get("type") == type_), None)


def seconds_since(time: str | None, now: str) -> float:
    """Count the seconds between two RFC 3339 times; 0 where the first is not known."""
    return (datetime.fromisoformat(now) - datetime.fromisoformat(time or now)).total_seconds()
