"""Structural schemas, made from the models: what the CRDs hold and what prunes and fills in objects.

Kubernetes accepts only a part of JSON Schema: no references, no alternatives, no titles, and an object lists
either its properties or the type of its values.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from funclet.api.alias import Alias
from funclet.api.base import Resource
from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion

Schema = dict[str, Any]

MODELS: Mapping[str, type[Resource]] = {
    "Function": Function,
    "FunctionVersion": FunctionVersion,
    "Alias": Alias,
}

_KEPT = (
    "description",
    "type",
    "default",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
)
_INT32 = 2**31 - 1
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@cache
def structural(kind: str) -> Schema:
    """Make the structural schema of a kind, without its rules. It is shared: do not change it."""
    whole = MODELS[kind].model_json_schema(by_alias=True, mode="validation")
    root = _convert(whole, whole.get("$defs", {}))
    properties = root["properties"]
    for name in ("apiVersion", "kind"):
        properties[name] = {"type": "string", "description": properties[name]["description"]}
    properties["metadata"] = {"type": "object"}
    properties["status"].pop("default", None)
    root["required"] = ["metadata", "spec"]
    return root


def _convert(node: Schema, definitions: Mapping[str, Schema]) -> Schema:
    node = _resolved(node, definitions)
    schema = {key: node[key] for key in _KEPT if node.get(key) is not None}
    schema |= {key: value for key, value in node.items() if key.startswith("x-kubernetes-")}
    if "const" in node:
        schema["enum"] = [node["const"]]
    if "properties" in node:
        schema["properties"] = {
            name: _convert(child, definitions) for name, child in node["properties"].items()
        }
        if "default" in schema:
            # The defaults of the members fill it in.
            schema["default"] = {}
    elif isinstance(values := node.get("additionalProperties"), dict):
        schema["additionalProperties"] = _convert(values, definitions)
    if "items" in node:
        schema["items"] = _convert(node["items"], definitions)
        schema.setdefault("x-kubernetes-list-type", "atomic")
    if number := _format(schema):
        schema["format"] = number
    return schema


def _resolved(node: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """Put the target in a reference's place, and the one real choice in that of a nullable."""
    for choice in node.get("anyOf", ()):
        if choice != {"type": "null"}:
            node = {**_resolved(choice, definitions), **node}
    if "$ref" in node:
        node = {**definitions[node["$ref"].rpartition("/")[2]], **node}
    return node


def _format(schema: Schema) -> str | None:
    if schema.get("type") == "integer":
        return "int32" if schema.get("maximum", _INT32 + 1) <= _INT32 else "int64"
    return "double" if schema.get("type") == "number" else None


def child(schema: Schema, segment: str | int) -> Schema | None:
    """Step down: to a property, to the values of a map, to the items of a list."""
    if isinstance(segment, int):
        below = schema.get("items")
    else:
        below = schema.get("properties", {}).get(segment) or schema.get("additionalProperties")
    return below if isinstance(below, dict) else None


def completed(value: Any, schema: Schema) -> Any:
    """Copy a value as an API server stores it: unknown fields and nulls pruned, defaults filled in.

    Keys that are not text are left out: no rule could judge them.
    """
    if isinstance(value, Mapping) and "properties" in schema:
        return dict(_members(value, schema["properties"]))
    if isinstance(value, Mapping) and "additionalProperties" in schema:
        values = schema["additionalProperties"]
        return {key: completed(item, values) for key, item in value.items() if is_text(key)}
    if isinstance(value, list) and "items" in schema:
        return [completed(item, schema["items"]) for item in value]
    return value


def is_text(key: object) -> bool:
    """Tell whether this is a string that can be written as UTF-8."""
    return isinstance(key, str) and not _SURROGATE.search(key)


def _members(value: Mapping[str, Any], properties: Mapping[str, Schema]) -> Iterator[tuple[str, Any]]:
    for name, schema in properties.items():
        if value.get(name) is not None:
            yield name, completed(value[name], schema)
        elif "default" in schema:
            yield name, completed(schema["default"], schema)
