"""What a gateway reads from a pod object."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from funclet.kube.port import Object
from funclet.plan import reasons
from funclet.plan.plan import Key
from funclet.plan.pods import revision_of

CONTAINER = "function"
#: what fails a pod before it is bound to a node, and before its container runs
_BEFORE_BOUND = frozenset(
    {reasons.NO_NODE, reasons.QUOTA_EXCEEDED, reasons.POD_REFUSED, reasons.ROLE_NOT_FOUND}
)
_BEFORE_RUNNING = frozenset(
    {reasons.IMAGE_UNAVAILABLE, reasons.CONFIGURATION_MISSING, reasons.CONTAINER_NOT_CREATED}
)


@dataclass(frozen=True, slots=True)
class PodFacts:
    """One pod of a revision, as the store has it."""

    key: Key
    uid: str
    revision: str
    #: None until the kubelet has published it
    address: str | None
    bound: bool
    running: bool
    ready: bool
    #: it is being deleted, or its container has ended: it takes no call any more
    leaving: bool
    #: how its container ended; None while it runs or has not begun
    ended: str | None

    def is_past(self, reason: str) -> bool:
        """Whether it cannot fail any more for what another pod of its revision failed for."""
        if reason in _BEFORE_BOUND:
            return self.bound
        return self.running if reason in _BEFORE_RUNNING else self.ready


def read_pod(pod: Object) -> PodFacts | None:
    """Read a function pod; None for any other, and for one that somebody else labelled so."""
    metadata = pod["metadata"]
    revision = revision_of(pod) if pod.get("kind") == "Pod" else None
    if revision is None:
        return None
    status = pod.get("status") or {}
    state = _container_state(status)
    ended = _ended(state, status)
    return PodFacts(
        key=Key("Pod", metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        revision=revision,
        address=status.get("podIP") or None,
        bound=bool((pod.get("spec") or {}).get("nodeName")),
        running="running" in state,
        ready=any(
            condition.get("type") == "Ready" and condition.get("status") == "True"
            for condition in status.get("conditions") or ()
        ),
        leaving=bool(metadata.get("deletionTimestamp")) or ended is not None,
        ended=ended,
    )


def _container_state(status: Mapping[str, Any]) -> Mapping[str, Any]:
    for container in status.get("containerStatuses") or ():
        if container.get("name") == CONTAINER:
            return container.get("state") or {}
    return {}


def _ended(state: Mapping[str, Any], status: Mapping[str, Any]) -> str | None:
    terminated = state.get("terminated")
    if terminated is not None:
        reason = terminated.get("reason") or "Error"
        return f"the container ended: {reason}, exit status {terminated.get('exitCode')}"
    if status.get("phase") in {"Failed", "Succeeded"}:
        return f"the pod ended: {status.get('reason') or status['phase']}"
    return None
