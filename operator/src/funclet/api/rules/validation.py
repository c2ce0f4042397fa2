"""Every wrong field of an object at once: types, bounds, unknown fields and rules together."""

from collections.abc import Mapping
from typing import Any, cast

from funclet.api.alias import Alias
from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.api.rules.problems import InvalidObjectError, Problem, dotted
from funclet.api.rules.shape import Unknown, is_known, metadata_problems, schema_problems, type_problems
from funclet.api.rules.verdicts import in_rules_words, rule_problems
from funclet.api.schema import MODELS


def validate(obj: object, old: Mapping[str, Any] | None = None, *, unknown: Unknown) -> tuple[Problem, ...]:
    """Tell all that is wrong with an object, by path; empty if nothing is.

    With `old`, the object that it replaces, what must not change is compared too. Whatever the object
    holds, this returns; it never raises.
    """
    if not isinstance(obj, Mapping):
        return (Problem("", "a resource must be a mapping with apiVersion, kind, metadata and spec"),)
    wrong = {*type_problems(obj), *metadata_problems(obj, unknown)}
    if is_known(kind := obj.get("kind")):
        bad = list(schema_problems(obj, kind, unknown))
        wrong.update(Problem(dotted(problem.path), in_rules_words(problem, kind)) for problem in bad)
        wrong.update(rule_problems(obj, old, kind, bad))
    return tuple(sorted(wrong))


def parse(obj: Mapping[str, Any], *, unknown: Unknown) -> Function | FunctionVersion | Alias:
    """Read a resource. Raises InvalidObjectError."""
    if problems := validate(obj, unknown=unknown):
        raise InvalidObjectError(problems)
    resource = MODELS[obj["kind"]].model_validate(dict(obj), by_alias=True, by_name=False, extra="ignore")
    return cast("Function | FunctionVersion | Alias", resource)
