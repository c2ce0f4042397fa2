"""Where a value of the chart lands: what of the rendered objects changes when it is set."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from support.chart import NAMESPACE, Object, Rendered, Values, render

#: what stands where nothing does
ABSENT = None
#: keys are made and definitions are read in the tenfold time of all the rest
_QUICK: Values = {"keys": {"existingSecret": "own"}, "crds": {"enabled": False}}


@dataclass(frozen=True)
class Row:
    """A value that is not the default; the places where it lands, by object and pointer.

    An object is Kind/name, with @namespace outside of the release's; a pointer is that of JSON, which goes into texts of
    YAML as well, and in a list by index or by `name`. `given` is what the value needs to mean anything. `lands` is
    complete: no other object changes. Where all objects change, `holds` says how instead.
    """

    value: object
    lands: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    given: Values = field(default_factory=dict)
    holds: Callable[[Rendered], bool] | None = None


def nested(path: str, value: object) -> dict[str, Any]:
    """Values that say one thing, at a path with dots."""
    for key in reversed(path.split(".")):
        value = {key: value}
    assert isinstance(value, dict)
    return value


def leaves(values: Values, schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The paths of all values; what Kubernetes defines is one value."""
    definitions = schema["$defs"]
    whole = [definitions[name] for name in ("free", "labels", "annotations", "resources")]

    def below(values: Values, node: Mapping[str, Any], path: str) -> Iterator[str]:
        for name, value in values.items():
            inner = node.get("properties", {}).get(name) or node["additionalProperties"]
            if "$ref" in inner:
                inner = definitions[inner["$ref"].rpartition("/")[2]]
            here = f"{path}.{name}".lstrip(".")
            if isinstance(value, dict) and inner not in whole:
                yield from below(value, inner, here)
            else:
                yield here

    yield from below(values, schema, path)


def objects(rendered: Rendered) -> dict[str, Object]:
    """All objects by Kind/name, without what is new each time and what follows from the rest."""
    found = {}
    for each in rendered.objects:
        meta = each["metadata"]
        where = meta.get("namespace", NAMESPACE)
        name = f"{each['kind']}/{meta['name']}" + ("" if where == NAMESPACE else f"@{where}")
        found[name] = _comparable(each)
    return found


def _comparable(each: Object) -> Object:
    if each["kind"] == "Secret":
        return {**each, "data": sorted(each["data"])}
    if each["kind"] == "Deployment":
        annotations = each["spec"]["template"]["metadata"]["annotations"]
        for key in [key for key in annotations if key.startswith("checksum/")]:
            del annotations[key]
    return each


def at(node: Any, pointer: str) -> Any:
    """What stands at a pointer, or ABSENT."""
    for token in (each.replace("~1", "/") for each in pointer.split("/")[1:]):
        inner = yaml.load(node, Loader=yaml.CSafeLoader) if isinstance(node, str) else node
        if isinstance(inner, list):
            named = [each for each in inner if isinstance(each, dict) and each.get("name") == token]
            try:
                node = named[0] if named else inner[int(token)]
            except (IndexError, ValueError):
                return ABSENT
        elif isinstance(inner, dict):
            node = inner.get(token, ABSENT)
        else:
            return ABSENT
    return node


def both(path: str, row: Row) -> tuple[Rendered, Rendered]:
    """Render without the value, and with it."""
    given = [row.given] if path.startswith(("keys.", "crds.")) else [_QUICK, row.given]
    return render(*given), render(*given, nested(path, row.value))
