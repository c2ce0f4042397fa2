"""What became of an object that Funclet applied: values that somebody changed, and what somebody added.

The API server fills in defaults and webhooks add to what they like, so that an object always has more than was
asked for; only what was asked for is compared. What a person added is told by `metadata.managedFields`.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

#: field managers of Funclet's own processes
OURS: Final = frozenset({"funclet", "funclet-create", "funclet-gateway"})
#: a field of each item of a list that tells it from the others, as in Kubernetes' own lists
_KEYS = ("uid", "name", "mountPath", "containerPort", "topologyKey")


def differs(wanted: Any, found: Any) -> bool:
    """Whether something that is wanted is not so; whatever is found beyond it does not count."""
    if isinstance(wanted, Mapping):
        # Kubernetes leaves out a text that is empty.
        return not isinstance(found, Mapping) or any(
            value != "" if name not in found else differs(value, found[name])
            for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return not isinstance(found, list) or _lists_differ(wanted, found)
    return bool(wanted != found)


def _lists_differ(wanted: list[Any], found: list[Any]) -> bool:
    key = _key_of(wanted)
    if key is None:
        return len(wanted) != len(found) or any(map(differs, wanted, found))
    named = [item for item in found if isinstance(item, Mapping)]
    return any(all(item.get(key) != one[key] or differs(one, item) for item in named) for one in wanted)


def _key_of(items: list[Any]) -> str | None:
    shared = (key for key in _KEYS if all(isinstance(item, Mapping) and key in item for item in items))
    return next(shared, None)


def added_by(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> str | None:
    """Name who added something to the spec that applying would leave there; the scale does not count."""
    for entry in found["metadata"].get("managedFields") or ():
        if not is_foreign(entry):
            continue
        fields = (entry.get("fieldsV1") or {}).get("f:spec") or {}
        if _has_more({name: below for name, below in fields.items() if name != "f:replicas"}, wanted["spec"]):
            return str(entry.get("manager") or "somebody")
    return None


def is_foreign(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of managedFields is neither Funclet's nor of a subresource (status, scale)."""
    return entry.get("manager") not in OURS and not entry.get("subresource")


def _has_more(fields: Mapping[str, Any], wanted: Any) -> bool:
    for name, below in fields.items():
        if name == ".":
            continue
        known, value = _step(wanted, name)
        if not known or (below and _has_more(below, value)):
            return True
    return False


def _step(value: Any, name: str) -> tuple[bool, Any]:
    """Follow one piece of a fieldsV1 path: f:NAME, k:{KEYS}, v:VALUE; whether it is there, and what it is."""
    kind, _, rest = name.partition(":")
    if kind == "f":
        return (True, value[rest]) if isinstance(value, Mapping) and rest in value else (False, None)
    items = value if isinstance(value, list) else []
    if kind == "k":
        keys = json.loads(rest)
        found = (item for item in items if isinstance(item, Mapping) and keys.items() <= item.items())
        item = next(found, None)
        return item is not None, item
    return kind == "v" and json.loads(rest) in items, None
