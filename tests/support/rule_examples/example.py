"""Examples for one rule: values of its node that it accepts, and ones that it refuses."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Change:
    """For a rule that looks at a change."""

    new: Any
    old: Any


@dataclass(frozen=True)
class Examples:
    """At least one of each; `rule` is the rule's name."""

    rule: str
    accepted: tuple[Any, ...]
    refused: tuple[Any, ...]
