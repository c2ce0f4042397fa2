"""Why a revision's pods do not come up, in a named reason and a sentence that says what to do next.

Where Kubernetes says more than needed, it is shortened; what looks like a password in it is masked.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from funclet.plan import reasons
from funclet.plan.pods import condition_of, containers, ending, is_leaving, is_ready, seconds_since, waiting
from funclet.plan.refused_pods import refused_pod
from funclet.plan.routes import Unavailable
from funclet.plan.shown import shown

_Object = Mapping[str, Any]
#: seconds after which a pod that no node takes counts as failed: a node may be on its way
GRACE: Final = 10.0
#: the supervisor's exit status after an error in init that was told
_INIT_ERROR: Final = 3
#: seconds in which a node mounts volumes
_MOUNTING: Final = 30.0

_PULLING = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
_NOT_MADE = frozenset(
    {"CreateContainerError", "RunContainerError", "CreatePodSandboxError", "PostStartHookError"}
)
_ABSENT = re.compile(r"not found|couldn't find key|references non-existent", re.IGNORECASE)


def pod_failure(
    pods: Iterable[_Object], deployment: _Object | None, now: str, grace: float = GRACE
) -> Unavailable | None:
    """Tell why the newest start failed, as far as pods and the Deployment's conditions show it.

    Ready pods have not failed. `now` is an RFC 3339 time, `grace` seconds that a pod may wait for a node.
    """
    starting = [pod for pod in pods if not is_ready(pod)]
    for pod in sorted(starting, key=_created, reverse=True):
        failure = _of_pod(pod, deployment, now, grace)
        if failure is not None:
            return failure
    return refused_pod(deployment)


def _created(pod: _Object) -> str:
    return str(pod["metadata"].get("creationTimestamp") or "")


def _of_pod(pod: _Object, deployment: _Object | None, now: str, grace: float) -> Unavailable | None:
    for container in containers(pod):
        ended = ending(container)
        # A pod that goes is ended from outside; only what it said of itself before still counts.
        if ended is not None and (failure := _of_ending(ended, leaving=is_leaving(pod))):
            return failure
        if not is_leaving(pod) and (failure := _of_waiting(container)):
            return failure
    return None if is_leaving(pod) else (_of_node(pod, now, grace) or _of_volumes(pod, deployment, now))


def _of_ending(ended: _Object, *, leaving: bool) -> Unavailable | None:
    code = ended.get("exitCode", 0)
    if ended.get("reason") == "ContainerStatusUnknown":
        # The kubelet's own words for a container that it never saw, or sees no more.
        return None
    said = shown(ended.get("message") or "")
    if ended.get("reason") == "OOMKilled":
        message = "the container ran out of memory while it started; raise spec.memory"
        return Unavailable(reasons.OUT_OF_MEMORY, message)
    if code == _INIT_ERROR or (said and code):
        message = said or "the function failed while it started; `funclet logs` shows what it wrote"
        return Unavailable(reasons.INIT_FAILED, message)
    if code == 0 or leaving:
        return None
    message = f"the container ended with exit status {code}; `funclet logs` shows what it wrote"
    return Unavailable(reasons.CRASH_LOOP, message)


def _of_waiting(container: _Object) -> Unavailable | None:
    reason, message = waiting(container)
    told = shown(message) or reason
    if reason in _PULLING:
        text = (
            f"image {container.get('image') or 'of the function'} cannot be pulled: {told}; check its name, that "
            "the registry has it for the nodes' architecture, and that the nodes may pull it (pods.imagePullSecrets)"
        )
        return Unavailable(reasons.IMAGE_UNAVAILABLE, text)
    if reason == "CreateContainerConfigError":
        if not _ABSENT.search(message):
            return Unavailable(reasons.CONTAINER_NOT_CREATED, f"the container cannot be made: {told}")
        text = f"{told}; make it, or correct spec.secrets and spec.configMaps"
        return Unavailable(reasons.CONFIGURATION_MISSING, text)
    if reason in _NOT_MADE:
        text = f"the container cannot be made: {told}; check spec.code.image.command and each mountPath"
        return Unavailable(reasons.CONTAINER_NOT_CREATED, text)
    return None


def _of_node(pod: _Object, now: str, grace: float) -> Unavailable | None:
    scheduled = condition_of(pod, "PodScheduled")
    if scheduled is None or scheduled.get("status") != "False" or scheduled.get("reason") != "Unschedulable":
        return None
    if seconds_since(scheduled.get("lastTransitionTime"), now) < grace:
        return None
    told = shown(scheduled.get("message") or "no node takes the pod")
    return Unavailable(reasons.NO_NODE, f"{told.rstrip('.')}; add nodes, or lower spec.memory")


def _of_volumes(pod: _Object, deployment: _Object | None, now: str) -> Unavailable | None:
    """A Secret that is to be mounted and is not there shows in Events alone: the pod merely waits."""
    sandbox = condition_of(pod, "PodReadyToStartContainers")
    scheduled = condition_of(pod, "PodScheduled")
    names = _mounted(deployment)
    if sandbox is None or sandbox.get("status") != "False" or scheduled is None or not names:
        return None
    if (
        scheduled.get("status") != "True"
        or seconds_since(scheduled.get("lastTransitionTime"), now) < _MOUNTING
    ):
        return None
    message = f"the pod still waits for its volumes; check that there are {', '.join(names)}"
    return Unavailable(reasons.CONFIGURATION_MISSING, message)


def _mounted(deployment: _Object | None) -> list[str]:
    volumes = deployment["spec"]["template"]["spec"].get("volumes") or () if deployment is not None else ()
    secrets = [f"Secret {each['secret']['secretName']}" for each in volumes if "secret" in each]
    return secrets + [f"ConfigMap {each['configMap']['name']}" for each in volumes if "configMap" in each]
