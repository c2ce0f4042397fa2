"""Which objects to look at again when one changes."""

from collections.abc import Callable, Hashable, Iterable

from funclet.kube.objects import key_of
from funclet.kube.port import Object
from funclet.plan.labels import FUNCTION, VERSION
from funclet.plan.plan import Key
from funclet.plan.routes import LATEST
from funclet.reconcile.children import KINDS as CHILDREN

#: an informer's index: its name and a value give objects
Find = Callable[[str, Hashable], Iterable[Object]]


def related(key: Key, before: Object | None, after: Object | None, find: Find) -> set[Key]:
    """Name the object itself, and those whose plan reads what has changed in it."""
    there = [manifest for manifest in (before, after) if manifest is not None]
    if key.kind in CHILDREN:
        return {owner for manifest in there for owner in _owners(key, manifest, find)}
    if before is not None and after is not None and _seen_by_others(before) == _seen_by_others(after):
        return {key}
    reads = _of_function if key.kind == "Function" else _of_child
    return {key}.union(*(reads(key, _spec(manifest), find) for manifest in there))


def _owners(key: Key, child: Object, find: Find) -> set[Key]:
    """Name whoever tells of a child: its Function, and its FunctionVersion where it is one's."""
    annotations = child["metadata"].get("annotations") or {}
    function, version = annotations.get(FUNCTION), annotations.get(VERSION)
    if not function:
        return set()
    owners = {Key("Function", key.namespace, function)}
    if version != LATEST:
        versions = find("of", ("FunctionVersion", key.namespace, function))
        owners |= _keys(each for each in versions if _spec(each).get("version") == version)
    return owners


def _of_function(key: Key, spec: Object, find: Find) -> set[Key]:
    name = spec.get("functionName") or key.name
    same_name = find("called", (key.namespace, name)) if isinstance(name, str) else ()
    return (
        _named(key, "FunctionVersion", key.name, find)
        | _named(key, "Alias", key.name, find)
        | _keys(same_name)
    )


def _of_child(key: Key, spec: Object, find: Find) -> set[Key]:
    function = spec.get("function")
    if not isinstance(function, str):
        return set()
    keys = {Key("Function", key.namespace, function)} | _named(key, "Alias", function, find)
    if key.kind == "FunctionVersion":
        rivals = find("of", ("FunctionVersion", key.namespace, function))
        keys |= _keys(rival for rival in rivals if _spec(rival).get("version") == spec.get("version"))
    return keys


def _named(key: Key, kind: str, function: str, find: Find) -> set[Key]:
    return _keys(find("of", (kind, key.namespace, function)))


def _keys(manifests: Iterable[Object]) -> set[Key]:
    return {key_of(manifest) for manifest in manifests}


def _spec(manifest: Object) -> Object:
    spec = manifest.get("spec")
    return spec if isinstance(spec, dict) else {}


def _seen_by_others(manifest: Object) -> tuple[object, ...]:
    """All but what changes often and matters to nobody else: instances, times, messages."""
    metadata, status = manifest["metadata"], manifest.get("status") or {}
    return (
        metadata.get("uid"),
        metadata.get("generation"),
        metadata.get("deletionTimestamp"),
        metadata.get("ownerReferences"),
        status.get("lastVersion"),
        status.get("functionArn"),
        status.get("observedGeneration") is None,
        [each.get("status") for each in status.get("conditions") or () if each.get("type") == "Stalled"],
    )
