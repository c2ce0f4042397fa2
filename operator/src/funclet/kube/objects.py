"""Reading plain objects: their key, age and owners."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from funclet.plan.drift import is_foreign
from funclet.plan.plan import Key

DEFAULT_NAMESPACE = "default"


def key_of(manifest: Mapping[str, Any]) -> Key:
    """Say which object this is; without a namespace it is in `default`."""
    metadata = manifest["metadata"]
    return Key(manifest["kind"], metadata.get("namespace") or DEFAULT_NAMESPACE, metadata["name"])


def resource_version(manifest: Mapping[str, Any]) -> int:
    """Give the object's resourceVersion, which grows with each write; 0 for one that is not stored."""
    return int(manifest["metadata"].get("resourceVersion") or 0)


def owner_uids(manifest: Mapping[str, Any]) -> Iterable[str]:
    """Name the owners of the object."""
    return [reference["uid"] for reference in manifest["metadata"].get("ownerReferences") or ()]


def controller_uid(manifest: Mapping[str, Any]) -> str | None:
    """Name the owner that made the object."""
    references = manifest["metadata"].get("ownerReferences") or ()
    return next((reference["uid"] for reference in references if reference.get("controller")), None)


def lean(found: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out who manages which field: much of an object, and read by nobody here.

    Of a Deployment's, what strangers manage stays: that is how their additions are seen.
    """
    metadata = {name: value for name, value in found["metadata"].items() if name != "managedFields"}
    if found.get("kind") == "Deployment":
        strangers = [each for each in found["metadata"].get("managedFields") or () if is_foreign(each)]
        if strangers:
            metadata["managedFields"] = strangers
    return {**found, "metadata": metadata}


def micro_time(moment: datetime) -> str:
    """Write a time as metav1.MicroTime does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
