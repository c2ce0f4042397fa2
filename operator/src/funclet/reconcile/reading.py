"""Objects as resources: whole where they are sound, and as far as they mean something where they are not.

An API server keeps what it took under older, laxer rules, and lets it be changed elsewhere ("ratcheting"). What
such an object ran goes on running; only what is new about it is refused.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from funclet.api.alias import Alias
from funclet.api.base import Condition
from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.api.rules import InvalidObjectError, validate
from funclet.api.rules.names import is_number
from funclet.api.schema import MODELS
from funclet.api.values import parse_duration, parse_quantity
from funclet.kube.port import Object

AnyResource = Function | FunctionVersion | Alias

_STATUS = re.compile(r"status(?:[.\[].*)?")
_CONDITIONS = TypeAdapter(list[Condition])


def read(manifest: Object) -> AnyResource:
    """Read an object of a known kind. Raises InvalidObjectError for a spec that breaks a rule.

    Fields of a newer Funclet are passed over. A status that somebody spoilt is read as far as it goes.
    """
    problems = [each for each in validate(manifest, unknown="ignore") if not _STATUS.fullmatch(each.path)]
    found = None if problems else read_leniently(manifest)
    if found is None:
        raise InvalidObjectError(tuple(problems))
    return found


def read_leniently(manifest: Object) -> AnyResource | None:
    """Read an object whatever rules it breaks, without the fields that mean nothing; None: not at all."""
    legible = _without(manifest, set(_illegible(manifest)))
    try:
        return _validated(legible)
    except ValidationError as error:
        spoilt = {each["loc"][:2] for each in error.errors(include_url=False)}
    try:
        return _validated(_without(legible, spoilt))
    except ValidationError:
        return None


def read_status(manifest: Object) -> list[Condition]:
    """Read the conditions of an object that cannot be read."""
    try:
        return _CONDITIONS.validate_python((manifest.get("status") or {}).get("conditions") or [])
    except (ValidationError, AttributeError):
        return []


def spec_of(manifest: Object) -> Object:
    """Give the spec, empty where it is none."""
    spec = manifest.get("spec")
    return spec if isinstance(spec, dict) else {}


def _validated(manifest: Object) -> AnyResource:
    model = MODELS[manifest["kind"]]
    return cast("AnyResource", model.model_validate(manifest, by_alias=True, by_name=False, extra="ignore"))


def _without(manifest: Object, paths: set[tuple[int | str, ...]]) -> Object:
    """Leave out what is at these paths of one or two steps."""
    kept = {name: value for name, value in manifest.items() if (name,) not in paths}
    for name, value in kept.items():
        if isinstance(value, Mapping) and any(path[0] == name for path in paths):
            kept[name] = {field: below for field, below in value.items() if (name, field) not in paths}
    return kept


def _number(text: str) -> None:
    if not is_number(text):
        raise ValueError(f"{text!r} is no number of a version")


def _illegible(manifest: Object) -> Iterator[tuple[str, str]]:
    """Find fields of the spec that a model takes as texts although they say nothing."""
    spec = spec_of(manifest)
    scaling = spec.get("scaling")
    texts: tuple[tuple[str, Callable[[str], Any], Any], ...] = (
        ("timeout", parse_duration, spec.get("timeout")),
        ("scaling", parse_duration, scaling.get("idle") if isinstance(scaling, dict) else None),
        ("memory", parse_quantity, spec.get("memory")),
        ("ephemeralStorage", parse_quantity, spec.get("ephemeralStorage")),
        ("version", _number, spec.get("version") if manifest["kind"] == "FunctionVersion" else None),
    )
    for field, parse, text in texts:
        try:
            parse(text) if isinstance(text, str) else None
        except ValueError:
            yield "spec", field
