"""All examples, with their rules."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from funclet.api.rules.registry import RULES
from funclet.api.rules.rule import Rule
from support.rule_examples import code, environment, immutable, limits, names, routing
from support.rule_examples.example import Change

EXAMPLES = (
    *code.EXAMPLES,
    *environment.EXAMPLES,
    *limits.EXAMPLES,
    *names.EXAMPLES,
    *routing.EXAMPLES,
    *immutable.EXAMPLES,
)


@dataclass(frozen=True)
class Row:
    """One value of a rule's node, and what the rule should say of it."""

    rule: Rule
    value: Any
    accepted: bool

    @property
    def operands(self) -> tuple[Any, ...]:
        """What the twin takes: the value, or the new one and the old one."""
        return (self.value.new, self.value.old) if isinstance(self.value, Change) else (self.value,)

    @property
    def variables(self) -> dict[str, Any]:
        """What the CEL sees."""
        return dict(zip(("self", "oldSelf"), self.operands, strict=False))


def rows() -> Iterator[Row]:
    """Every row of the table."""
    by_name = {rule.name: rule for rule in RULES}
    for examples in EXAMPLES:
        for value in examples.accepted:
            yield Row(by_name[examples.rule], value, accepted=True)
        for value in examples.refused:
            yield Row(by_name[examples.rule], value, accepted=False)
