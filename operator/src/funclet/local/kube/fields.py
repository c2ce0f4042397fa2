"""Server-side apply on plain JSON: each leaf of an object knows which managers applied it.

As in Kubernetes: what a manager applied and then leaves out is removed, unless another manager applied it
too; what others applied stays. Lists are one leaf, but owner references are told apart by uid.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from funclet.kube.port import Object

Path = tuple[str, ...]
#: which leaves each manager applied
Owners = Mapping[str, frozenset[Path]]

_APPLIED_METADATA = ("labels", "annotations", "finalizers", "ownerReferences")
_SYSTEM = ("apiVersion", "kind", "status")
_REFERENCES = ("metadata", "ownerReferences")
#: what a manager owns by replacing, and of the status, is told apart from what it owns by applying; no name
#: of a manager has a line end
_UPDATE = "\nupdate"
_STATUS = "\nstatus"


def merge(live: Object, owners: Owners, manifest: Mapping[str, Any], manager: str) -> tuple[Object, Owners]:
    """Apply the manifest, forced: gives the new object and who owns what of it. The arguments stay as they are."""
    return _merge(live, owners, _applied(manifest), manager, owners.get(manager, frozenset()))


def merge_status(
    live: Object, owners: Owners, status: Mapping[str, Any], manager: str
) -> tuple[Object, Owners]:
    """Apply a status as `merge` does the rest. What is in the status and nobody's is the manager's to remove."""
    writer = f"{manager}{_STATUS}"
    owned = frozenset[Path]().union(*owners.values())
    nobodys = {path for path, _ in _leaves(_status_of(live)) if path not in owned}
    mine = owners.get(writer, frozenset()) | nobodys
    return _merge(live, owners, {"status": dict(status)}, writer, mine)


def replace(live: Object, owners: Owners, manifest: Mapping[str, Any], manager: str) -> tuple[Object, Owners]:
    """Make the object what the manifest says, but for what the server writes; gives it and who owns what of it.

    As in Kubernetes, what differs is the manager's from now on, apart from what it applies; what does not
    stays with whoever it belongs to.
    """
    said = _applied(manifest)
    system = {name: live[name] for name in _SYSTEM if name in live}
    written = {name: each for name, each in live["metadata"].items() if name not in _APPLIED_METADATA}
    new = {**system, **said, "metadata": {**written, **said.get("metadata", {})}}
    return _replace(live, owners, new, f"{manager}{_UPDATE}")


def replace_status(
    live: Object, owners: Owners, status: Mapping[str, Any], manager: str
) -> tuple[Object, Owners]:
    """Make the whole status this, whoever said what of it."""
    return _replace(live, owners, {**live, "status": dict(status)}, f"{manager}{_STATUS}")


def _merge(
    live: Object, owners: Owners, said: Object, manager: str, mine: frozenset[Path]
) -> tuple[Object, Owners]:
    form = _unfold(live)
    before = dict(_leaves(form))
    wanted = dict(_leaves(_unfold(said)))
    others = {name: paths for name, paths in owners.items() if name != manager}
    for path in mine - wanted.keys() - frozenset[Path]().union(*others.values()):
        _remove(form, path)
    for path, value in wanted.items():
        _put(form, path, value)
    after = dict(_leaves(form))
    left = {
        name: frozenset(path for path in paths if path in after and after[path] == before.get(path))
        for name, paths in others.items()
    }
    left[manager] = frozenset(wanted)
    return _fold(form), {name: paths for name, paths in left.items() if paths}


def _replace(live: Object, owners: Owners, new: Object, manager: str) -> tuple[Object, Owners]:
    form = _unfold(new)
    before, after = dict(_leaves(_unfold(live))), dict(_leaves(form))
    changed = frozenset(path for path in after if path not in before or after[path] != before[path])
    left = {name: (paths & after.keys()) - changed for name, paths in owners.items()}
    left[manager] = left.get(manager, frozenset()) | changed
    return _fold(form), {name: paths for name, paths in left.items() if paths}


def _status_of(live: Object) -> Object:
    return {"status": live["status"]} if "status" in live else {}


def _applied(manifest: Mapping[str, Any]) -> Object:
    """What of a manifest is the applier's to say: no status, and no metadata that the server writes."""
    fields = {name: value for name, value in manifest.items() if name not in {*_SYSTEM, "metadata"}}
    metadata = manifest.get("metadata", {})
    ours = {name: metadata[name] for name in _APPLIED_METADATA if metadata.get(name) is not None}
    return {**fields, "metadata": ours} if ours else fields


def _leaves(value: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    for name, each in value.items():
        here = (*path, name)
        if isinstance(each, dict) and each and here[:-1] != _REFERENCES:
            yield from _leaves(each, here)
        else:
            yield here, each


def _put(form: Object, path: Path, value: Any) -> None:
    for name in path[:-1]:
        if not isinstance(form.get(name), dict):
            form[name] = {}
        form = form[name]
    # An empty map asks for a map to be there, not for it to be emptied.
    if value != {} or not isinstance(form.get(path[-1]), dict):
        form[path[-1]] = value


def _remove(form: Object, path: Path) -> None:
    """Remove a leaf, and what is empty without it."""
    parents = [form]
    for name in path[:-1]:
        below = parents[-1].get(name)
        if not isinstance(below, dict):
            return
        parents.append(below)
    parents[-1].pop(path[-1], None)
    for parent, name in zip(reversed(parents[:-1]), reversed(path[:-1]), strict=True):
        if len(path) > 1 and parent is not form and not parent[name]:
            del parent[name]


def _unfold(manifest: Mapping[str, Any]) -> Object:
    form: Object = copy.deepcopy(dict(manifest))
    metadata = form.get("metadata", {})
    if "ownerReferences" in metadata:
        metadata["ownerReferences"] = {each["uid"]: each for each in metadata["ownerReferences"]}
    return form


def _fold(form: Object) -> Object:
    references = form.get("metadata", {}).pop("ownerReferences", None)
    if references:
        form["metadata"]["ownerReferences"] = list(references.values())
    return form
