"""How much of an object is kept: a gateway may have ten thousand pods in memory."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

from funclet.kube.port import Object

#: gives what of an object is worth keeping
Trim = Callable[[Object], Object]

_METADATA = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "creationTimestamp",
    "deletionTimestamp",
)
_SPEC = ("nodeName", "terminationGracePeriodSeconds")
_STATUS = ("phase", "reason", "message", "podIP", "startTime")
_CONDITION = ("type", "status", "reason", "message", "lastTransitionTime")
_CONTAINER = ("name", "image", "ready", "restartCount", "state", "lastState")


def trim_pod(pod: Object) -> Object:
    """Keep whose a pod is, where it runs, and what became of it; not what it was told to be."""
    metadata, spec, status = pod["metadata"], pod.get("spec") or {}, pod.get("status") or {}
    kept = _some(status, _STATUS)
    for field, of_each in (
        ("conditions", _CONDITION),
        ("initContainerStatuses", _CONTAINER),
        ("containerStatuses", _CONTAINER),
    ):
        if field in status:
            kept[field] = [_shared(_some(each, of_each)) for each in status[field]]
    for field in ("labels", "annotations", "ownerReferences"):
        if field in metadata:
            metadata = {**metadata, field: _shared(metadata[field])}
    return {**pod, "metadata": _some(metadata, _METADATA), "spec": _some(spec, _SPEC), "status": kept}


def _some(value: Mapping[str, Any], fields: tuple[str, ...]) -> Object:
    return {field: value[field] for field in fields if value.get(field) not in (None, {}, [])}


def _shared(value: Any) -> Any:
    """Have texts that many objects repeat in memory once."""
    match value:
        case str():
            return sys.intern(value)
        case dict():
            return {sys.intern(name): _shared(each) for name, each in value.items()}
        case list():
            return [_shared(each) for each in value]
        case _:
            return value
