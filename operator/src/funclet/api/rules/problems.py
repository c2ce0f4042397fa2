"""What is wrong with an object, in plain words and at the path that a manifest shows.

No value from the object is repeated: it may be a secret.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

from funclet.api.schema import Schema, child

Path = tuple[str | int, ...]

_KEY = "[key]"
_SHOWN = 128
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One wrong field, such as `spec.routingConfig`; the path is empty for the object as a whole."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class InvalidObjectError(ValueError):
    """An object with problems; all of them are in `problems`."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class SchemaProblem:
    """A problem with types and bounds, with its path still in pieces."""

    path: Path
    message: str
    #: an unknown field is left aside; what else is true of the object can be told without it
    is_unknown_field: bool = False
    #: there is nothing at the path, or null
    is_absence: bool = False


def dotted(path: Path) -> str:
    """Write a path as Kubernetes does: spec.secrets[0].name, spec.code.inline[app.py]."""
    text = ""
    for segment in path:
        plain = isinstance(segment, str) and _IDENTIFIER.fullmatch(segment)
        word = _printable(str(segment))
        text += (f".{word}" if text else word) if plain else f"[{word}]"
    return text


def _printable(text: str) -> str:
    """Keep a name from the object from hurting a terminal or a log."""
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in shown)


def suggestion(word: object, known: Iterable[str]) -> str:
    """Guess what was meant; empty if nothing is close."""
    close = get_close_matches(str(word)[:64], known, n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else ""


def from_pydantic(error: ErrorDetails, root: Schema) -> SchemaProblem:
    """Turn one of pydantic's errors into plain words."""
    path: Path = error["loc"]
    if path and path[-1] == _KEY:
        return SchemaProblem(path[:-1], "keys must be strings of valid text: put this one in quotes")
    if error["type"] == "extra_forbidden":
        return SchemaProblem(path, _unknown(path, root), is_unknown_field=True)
    words = _WORDS.get(error["type"])
    message = words(error.get("ctx", {})) if words else _lower_first(error["msg"])
    if error["type"] == "string_type" and isinstance(error["input"], bool | int | float):
        message += ": put it in quotes"
    return SchemaProblem(path, message, is_absence=error["type"] == "missing")


def _unknown(path: Path, root: Schema) -> str:
    schema: Schema = root
    for segment in path[:-1]:
        schema = child(schema, segment) or {}
    return f"is not a known field{suggestion(path[-1], schema.get('properties', {}))}"


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _always(text: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda _: text


def _count(bound: str, what: str, key: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda context: f"must have {bound} {context[key]} {what}"


_WORDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": _always("is required"),
    "string_type": _always("must be a string"),
    "string_unicode": _always("must be valid text"),
    "int_type": _always("must be a whole number"),
    "int_from_float": _always("must be a whole number"),
    "float_type": _always("must be a number"),
    "finite_number": _always("must be a finite number"),
    "bool_type": _always("must be true or false"),
    "dict_type": _always("must be a mapping"),
    "model_type": _always("must be a mapping"),
    "model_attributes_type": _always("must be a mapping"),
    "list_type": _always("must be a list"),
    "invalid_key": _always("keys must be strings: put this one in quotes"),
    "literal_error": lambda context: f"must be {context['expected'].replace(chr(39), '')}",
    "string_too_long": _count("at most", "characters", "max_length"),
    "string_too_short": _count("at least", "character", "min_length"),
    "too_long": _count("at most", "entries", "max_length"),
    "too_short": _count("at least", "entry", "min_length"),
    "greater_than_equal": lambda context: f"must be at least {context['ge']:g}",
    "less_than_equal": lambda context: f"must be at most {context['le']:g}",
}
