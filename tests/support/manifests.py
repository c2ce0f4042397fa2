"""Manifests that are right, to be made wrong in one place."""

from copy import deepcopy
from itertools import pairwise
from typing import Any

Manifest = dict[str, Any]

_SETTINGS = {
    "runtime": "python3.13",
    "handler": "app.handler",
    "code": {"inline": {"app.py": "def handler(event, context): ..."}},
}

_SPECS: dict[str, Manifest] = {
    "Function": _SETTINGS,
    "FunctionVersion": {
        **_SETTINGS,
        "function": "greet",
        "version": "1",
        "codeSha256": 64 * "a",
        "runtimeDigest": "local:" + 64 * "b",
    },
    "Alias": {"function": "greet", "name": "live", "version": "2"},
}


def manifest(kind: str, **spec: Any) -> Manifest:
    """Make a right manifest, with these fields of the spec in place of its own."""
    return {
        "apiVersion": "funclet.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": "greet"},
        "spec": {**deepcopy(_SPECS[kind]), **spec},
    }


def without(obj: Manifest, *fields: str) -> Manifest:
    """Leave fields of the spec out."""
    return {**obj, "spec": {name: value for name, value in obj["spec"].items() if name not in fields}}


def placed(kind: str, node: str, value: Any) -> Manifest:
    """Make a manifest that has this value at a node of the schema, such as spec.secrets.*.name."""
    obj = manifest(kind)
    holder, pieces = obj, node.split(".")
    for piece, below in pairwise(pieces):
        if below == "*":
            holder[piece] = [{"name": "store", "prefix": ""}]
            holder = holder[piece][0]
        elif piece != "*":
            holder = holder.setdefault(piece, {})
    last = pieces[-1]
    if last == "*":
        holder.clear()
        holder.update(value)
    elif last == "spec":
        holder["spec"] = {**holder["spec"], **value}
    else:
        holder[last] = value
    return obj
