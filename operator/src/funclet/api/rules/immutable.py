"""What never changes once it was made."""

from collections.abc import Mapping
from typing import Any

from funclet.api.rules.rule import ALIAS, FUNCTION, VERSION, Rule


def _same(new: object, old: object) -> bool:
    return new == old


def _same_function_name(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    return bool(new.get("functionName") == old.get("functionName"))


def _fixed(field: str) -> Rule:
    return Rule(
        name=f"an alias keeps its {field}",
        kinds=ALIAS,
        node=f"spec.{field}",
        cel="self == oldSelf",
        message=f"{field} is immutable; delete the Alias and make another",
        holds=_same,
        reason="FieldValueForbidden",
    )


RULES = (
    Rule(
        name="a version never changes",
        kinds=VERSION,
        node="spec",
        cel="self == oldSelf",
        message="the spec of a FunctionVersion is immutable; change the Function and publish another version",
        holds=_same,
        reason="FieldValueForbidden",
    ),
    Rule(
        name="a function keeps its Lambda name",
        kinds=FUNCTION,
        node="spec",
        cel=(
            "has(self.functionName) == has(oldSelf.functionName)"
            " && (!has(self.functionName) || self.functionName == oldSelf.functionName)"
        ),
        message="functionName is immutable, also its absence; delete the Function and make another",
        holds=_same_function_name,
        path="functionName",
        reason="FieldValueForbidden",
    ),
    _fixed("function"),
    _fixed("name"),
)
