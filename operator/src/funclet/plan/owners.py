"""Who made what: owner references between a Function and its children."""

from typing import Any

from funclet.api.base import API_VERSION, OwnerReference, Resource
from funclet.api.function import Function


def owner_reference(owner: Resource, *, controller: bool) -> dict[str, Any]:
    """Make the reference that a child carries; `controller` where Funclet made it and not a user."""
    reference = {
        "apiVersion": API_VERSION,
        "kind": owner.kind,
        "name": owner.metadata.name,
        "uid": owner.metadata.uid or "",
    }
    # A user's own object goes with the function too, and is never rewritten or pruned.
    return {**reference, "controller": True, "blockOwnerDeletion": True} if controller else reference


def made_by(function: Function, child: Resource) -> bool:
    """Whether Funclet made the child for this very Function (its uid, not merely its name)."""
    reference = _reference(function, child)
    return reference is not None and reference.controller is True


def owned_by(function: Function, child: Resource) -> bool:
    """Whether the child goes when the Function goes."""
    return _reference(function, child) is not None


def _reference(function: Function, child: Resource) -> OwnerReference | None:
    uid = function.metadata.uid
    return next((ref for ref in child.metadata.owner_references if uid and ref.uid == uid), None)


def older(one: Resource, other: Resource) -> bool:
    """Whether `one` keeps a name that both want: the older does, then the one whose name sorts first."""
    return _age(one) < _age(other)


def _age(resource: Resource) -> tuple[str, str]:
    # An object without a timestamp is not stored yet, hence younger than all that are.
    return (resource.metadata.creation_timestamp or "9999", resource.metadata.name)
