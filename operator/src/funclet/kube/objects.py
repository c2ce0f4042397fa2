"""Reading plain objects: their key, age and owners."""

from collections.abc import Iterable, Mapping
from typing import Any

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
