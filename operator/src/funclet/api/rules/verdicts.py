"""Run the rules on an object, as far as what they read is well formed."""

from collections.abc import Iterator, Mapping
from typing import Any

from funclet.api.rules.problems import Path, Problem, SchemaProblem, dotted
from funclet.api.rules.registry import RULES
from funclet.api.rules.rule import Rule
from funclet.api.schema import Schema, child, completed, structural


def rule_problems(
    obj: Mapping[str, Any], old: Mapping[str, Any] | None, kind: str, bad: list[SchemaProblem]
) -> Iterator[Problem]:
    """Tell which rules an object breaks; `bad` is what is already known to be wrong with its shape."""
    schema = structural(kind)
    blocking = {problem.path for problem in bad if not problem.is_unknown_field}
    new = completed(obj, schema)
    for path in [path for path in blocking if _is_map_entry(path, schema)]:
        # The rest of a map can be judged without the entry.
        blocking.discard(path)
        _drop(new, path)
    before = None if old is None else completed(old, schema)
    for rule in RULES:
        if kind in rule.kinds:
            for node, value in _nodes(new, rule.node.split("."), ()):
                if not _is_blocked(rule, node, blocking) and not _holds(rule, node, value, before):
                    where = (*node, *(rule.path.split(".") if rule.path else ()))
                    yield Problem(dotted(where), rule.words(value))


def in_rules_words(problem: SchemaProblem, kind: str) -> str:
    """Let a rule that says all about a field speak for the field's type and bounds too."""
    for rule in () if problem.is_absence else RULES:
        if rule.whole and kind in rule.kinds and _is_at(problem.path, rule.node):
            return rule.message
    return problem.message


def _holds(rule: Rule, node: Path, value: Any, before: Any) -> bool:
    if not rule.is_transition:
        return rule.holds(value)
    for segment in node:
        if not isinstance(before, Mapping) or segment not in before:
            return True
        before = before[segment]
    return rule.holds(value, before)


def _nodes(value: Any, pieces: list[str], path: Path) -> Iterator[tuple[Path, Any]]:
    """Find the values at a rule's node; nothing where the object has no such part."""
    if not pieces:
        yield path, value
    elif pieces[0] == "*" and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nodes(item, pieces[1:], (*path, index))
    elif isinstance(value, Mapping) and pieces[0] in value:
        yield from _nodes(value[pieces[0]], pieces[1:], (*path, pieces[0]))


def _is_at(path: Path, node: str) -> bool:
    pieces = node.split(".")
    return len(path) == len(pieces) and all(
        piece in {"*", segment} for piece, segment in zip(pieces, path, strict=True)
    )


def _is_blocked(rule: Rule, node: Path, blocking: set[Path]) -> bool:
    """Tell whether something that the rule reads is wrong already, so that it cannot be judged."""
    values = [(*node, *read) for read in rule.reads]
    return any(
        _is_within(value, path) or _is_within(path, value) for value in values for path in blocking
    ) or any(_is_within((*node, *asked), path) for asked in rule.asks for path in blocking)


def _is_within(inner: Path, outer: Path) -> bool:
    return inner[: len(outer)] == outer


def _is_map_entry(path: Path, schema: Schema) -> bool:
    below: Schema | None = schema
    for segment in path[:-1]:
        below = child(below, segment) if below else None
    return below is not None and "additionalProperties" in below


def _drop(value: Any, path: Path) -> None:
    for segment in path[:-1]:
        value = value[segment]
    value.pop(path[-1], None)
