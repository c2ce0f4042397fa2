"""A rule: one thing that must hold of an object, said once for the API server and once for Python."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

# Not FieldValueDuplicate: with it an API server leaves the message out.
Reason = Literal["FieldValueInvalid", "FieldValueRequired", "FieldValueForbidden"]

FUNCTION = ("Function",)
VERSION = ("FunctionVersion",)
VERSIONED = ("Function", "FunctionVersion")
ALIAS = ("Alias",)

_ASK = re.compile(r"\bhas\(self((?:\.\w+)+)\)")
_READ = re.compile(r"\bself\b((?:\.\w+\b(?!\())*)")


@dataclass(frozen=True)
class Rule:
    """One rule on one node of the schema, as CEL and as a Python twin with the same verdict.

    `node` is a dotted path from the object's root, with `*` for each item of a list; both forms see the
    node's value with unknown fields pruned and defaults filled in. A rule whose CEL names `oldSelf` looks
    at a change: its twin takes the new value and the old one, and it does not run on a new object.
    """

    name: str
    kinds: tuple[str, ...]
    node: str
    cel: str
    message: str
    holds: Callable[..., bool] = field(repr=False)
    #: the field that is wrong, below the node; empty for the node itself
    path: str = ""
    reason: Reason = "FieldValueInvalid"
    #: for a message that names a value: CEL that makes it, and its twin
    message_cel: str | None = None
    describe: Callable[[Any], str] | None = field(default=None, repr=False)
    #: the message says all that a field may hold: it stands also for what its type and bounds say
    whole: bool = False

    @property
    def is_transition(self) -> bool:
        """Whether the rule looks at a change."""
        return "oldSelf" in self.cel

    @cached_property
    def reads(self) -> frozenset[tuple[str, ...]]:
        """The fields below the node whose values the verdict rests on; () is the whole node."""
        return frozenset(_fields(match) for match in _READ.finditer(_ASK.sub("", self.cel)))

    @cached_property
    def asks(self) -> frozenset[tuple[str, ...]]:
        """The fields below the node of which only the presence counts."""
        return frozenset(_fields(match) for match in _ASK.finditer(self.cel))

    def words(self, value: Any) -> str:
        """Say what is wrong with a value that breaks the rule; a message has one line, as in Kubernetes."""
        words = self.describe(value) if self.describe else self.message
        return self.message if "\n" in words else words


def _fields(match: re.Match[str]) -> tuple[str, ...]:
    return tuple(match[1].split(".")[1:])


def matches(pattern: str, text: str) -> bool:
    """Judge as RE2 does, where $ is the very end; the pattern stands between ^ and $."""
    return re.fullmatch(pattern.removeprefix("^").removesuffix("$"), text) is not None


def cel_list(words: Iterable[str]) -> str:
    """Write strings without quotes or backslashes as a CEL list."""
    return "[" + ", ".join(f"'{word}'" for word in words) + "]"


def exactly_one(*values: bool) -> bool:
    """Tell whether one and only one is true."""
    return sum(values) == 1
