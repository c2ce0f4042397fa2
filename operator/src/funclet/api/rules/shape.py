"""What is wrong with an object's types, bounds, names and fields, before any rule."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypeGuard

from pydantic import ValidationError

from funclet.api.base import API_VERSION
from funclet.api.rules.names import MAX_OBJECT_NAME, NAMESPACE, OBJECT_NAME
from funclet.api.rules.problems import Path, Problem, SchemaProblem, dotted, from_pydantic, suggestion
from funclet.api.rules.rule import matches
from funclet.api.schema import MODELS, Schema, child, is_text, structural

Unknown = Literal["refuse", "ignore"]

#: metav1.ObjectMeta
_METADATA = (
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
)


def type_problems(obj: Mapping[str, Any]) -> Iterator[Problem]:
    """Judge apiVersion and kind."""
    if obj.get("apiVersion") is None:
        yield Problem("apiVersion", f"is required: {API_VERSION}")
    elif obj["apiVersion"] != API_VERSION:
        yield Problem("apiVersion", f"must be {API_VERSION}")
    kind = obj.get("kind")
    if kind is None:
        yield Problem("kind", f"is required: one of {', '.join(MODELS)}")
    elif not is_known(kind):
        yield Problem("kind", f"must be one of {', '.join(MODELS)}{suggestion(kind, MODELS)}")


def is_known(kind: object) -> TypeGuard[str]:
    """Tell whether there is a model of this kind."""
    return isinstance(kind, str) and kind in MODELS


def metadata_problems(obj: Mapping[str, Any], unknown: Unknown) -> Iterator[Problem]:
    """Judge names as Kubernetes does, and the fields of metadata, of which the models read only some."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, Mapping):
        return
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if isinstance(name, str) and not (matches(OBJECT_NAME, name) and len(name) <= MAX_OBJECT_NAME):
        yield Problem(
            "metadata.name",
            "must be an RFC 1123 subdomain: 1 to 253 lower-case letters, digits, - and ., "
            "and a letter or digit first and last, also around each .",
        )
    if namespace and isinstance(namespace, str) and not matches(NAMESPACE, namespace):
        yield Problem(
            "metadata.namespace",
            "must be an RFC 1123 label: 1 to 63 lower-case letters, digits and -, "
            "and a letter or digit first and last",
        )
    if unknown == "refuse":
        for field in metadata.keys() - set(_METADATA):
            path = dotted(("metadata", field))
            yield Problem(path, f"is not a known field{suggestion(field, _METADATA)}")


def schema_problems(obj: Mapping[str, Any], kind: str, unknown: Unknown) -> Iterator[SchemaProblem]:
    """Judge types, bounds and unknown fields by the model of the kind."""
    schema = structural(kind)
    unseen: list[SchemaProblem] = []
    if "spec" in obj:
        unseen += _unseen_by_pydantic(obj["spec"], schema["properties"]["spec"], ("spec",))
    yield from unseen
    told = {("apiVersion",), *(problem.path for problem in unseen)}
    extra: Literal["ignore"] | None = "ignore" if unknown == "ignore" else None
    try:
        MODELS[kind].model_validate(dict(obj), by_alias=True, by_name=False, extra=extra)
    except ValidationError as error:
        found = (from_pydantic(detail, schema) for detail in error.errors(include_url=False))
        yield from (problem for problem in found if problem.path not in told)


def _unseen_by_pydantic(value: Any, schema: Schema, path: Path) -> Iterator[SchemaProblem]:
    """Find nulls and keys that are no text, which an API server refuses; unknown fields are left aside."""
    if value is None:
        yield SchemaProblem(path, "must not be null: give it a value, or leave it out", is_absence=True)
    for segment, item in _entries(value):
        if isinstance(segment, str) and not is_text(segment):
            yield SchemaProblem((*path, segment), "keys must be valid text")
        elif isinstance(segment, str | int) and (below := child(schema, segment)):
            yield from _unseen_by_pydantic(item, below, (*path, segment))


def _entries(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()
