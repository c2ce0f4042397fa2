"""What the local store refuses, in the API server's manner: every wrong field at once."""

from collections.abc import Mapping, Sequence
from typing import Any

from funclet.api.rules import Problem, validate
from funclet.kube.objects import key_of
from funclet.kube.port import ConflictError, InvalidError, Object
from funclet.plan.plan import Key

_IDENTITY = frozenset({"", "apiVersion", "kind", "metadata"})


def valid_key(manifest: Mapping[str, Any]) -> Key:
    """Say which object a manifest means. Raises InvalidError: what is no name must not become a path."""
    wrong = [
        each for each in validate(manifest, unknown="refuse") if each.path.partition(".")[0] in _IDENTITY
    ]
    if not wrong and not _is_list_of_texts(manifest["metadata"].get("finalizers")):
        wrong.append(Problem("metadata.finalizers", "must be a list of texts"))
    _refuse("the object", wrong)
    return key_of(manifest)


def check_preconditions(key: Key, manifest: Mapping[str, Any], live: Object | None) -> None:
    """Raise ConflictError where the manifest names another uid or resourceVersion than the object has."""
    metadata = live["metadata"] if live is not None else {}
    for field in ("uid", "resourceVersion"):
        asked, found = manifest["metadata"].get(field), metadata.get(field)
        if asked and asked != found:
            raise ConflictError(
                f"{key.kind} {key.name} has been changed: metadata.{field} is {found or 'none'}, not {asked};"
                " read it again and repeat the change"
            )


def check_replacement(key: Key, manifest: Mapping[str, Any], live: Object) -> None:
    """Raise InvalidError where a whole object says of its metadata what only the server may say."""
    new, old = manifest["metadata"], live["metadata"]
    wrong = [
        Problem(f"metadata.{field}", "is immutable")
        for field in ("creationTimestamp", "deletionTimestamp")
        if new.get(field) not in {None, old.get(field)}
    ]
    if not new.get("resourceVersion"):
        wrong.append(Problem("metadata.resourceVersion", "must be specified for an update"))
    if old.get("deletionTimestamp") and set(new.get("finalizers") or ()) - set(old.get("finalizers") or ()):
        wrong.append(Problem("metadata.finalizers", "cannot grow while the object is being deleted"))
    _refuse(f"{key.kind} {key.name}", wrong)


def check_spec(key: Key, new: Object, old: Object | None) -> None:
    """Raise InvalidError for broken rules, changes of what is immutable among them.

    The status is left aside: it is checked when it is written, and must not stand in the way of a spec.
    """
    without_status = {name: value for name, value in new.items() if name != "status"}
    _refuse(f"{key.kind} {key.name}", validate(without_status, old, unknown="refuse"))


def check_status(key: Key, new: Object) -> None:
    """Raise InvalidError for a status that is not of its kind's shape."""
    wrong = validate(new, unknown="refuse")
    _refuse(f"{key.kind} {key.name}", [each for each in wrong if each.path.startswith("status")])


def _is_list_of_texts(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(each, str) for each in value))


def _refuse(what: str, wrong: Sequence[Problem]) -> None:
    if wrong:
        told = "; ".join(map(str, wrong))
        raise InvalidError(
            f"{what} is invalid: {told}", causes=tuple((each.path, each.message) for each in wrong)
        )
