"""Which objects of a list are wanted: `labelSelector` and `fieldSelector`. Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from funclet.kube.port import Object
from funclet.local.rest.status import BadRequestError

Predicate = Callable[[Object], bool]

_EQUALITY = re.compile(r"(?P<key>[^=!\s]+)\s*(?P<operator>==|=|!=)\s*(?P<value>[^=!\s]*)")
_EXISTENCE = re.compile(r"(?P<absent>!?)\s*(?P<key>[^=!\s()]+)")


def selector(
    query: Mapping[str, str], fields: tuple[str, ...] = ("metadata.name", "metadata.namespace")
) -> Predicate:
    """Whether an object fits both selectors; `fields` are those that may be asked for. Raises BadRequestError."""
    tests = [
        *(_label_test(term) for term in _terms(query.get("labelSelector", ""))),
        *(_field_test(term, fields) for term in _terms(query.get("fieldSelector", ""))),
    ]
    return lambda found: all(test(found) for test in tests)


def _terms(text: str) -> list[str]:
    return [term.strip() for term in text.split(",")] if text.strip() else []


def _label_test(term: str) -> Predicate:
    if match := _EQUALITY.fullmatch(term):
        key, value, equal = match["key"], match["value"], match["operator"] != "!="
        return lambda found: (_labels(found).get(key) == value) is equal
    if match := _EXISTENCE.fullmatch(term):
        key, wanted = match["key"], not match["absent"]
        return lambda found: (key in _labels(found)) is wanted
    raise BadRequestError(f"the labelSelector term {term!r} is not key, !key, key=value or key!=value")


def _field_test(term: str, fields: tuple[str, ...]) -> Predicate:
    match = _EQUALITY.fullmatch(term)
    if match is None or match["key"] not in fields:
        raise BadRequestError(f"the fieldSelector term {term!r} is not FIELD=VALUE of {', '.join(fields)}")
    path, value, equal = match["key"].split("."), match["value"], match["operator"] != "!="
    return lambda found: (_at(found, path) == value) is equal


def _labels(found: Object) -> Mapping[str, Any]:
    labels: Mapping[str, Any] = found["metadata"].get("labels") or {}
    return labels


def _at(found: Any, path: list[str]) -> Any:
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
