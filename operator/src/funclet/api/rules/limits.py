"""How much and how long: memory, storage, durations, concurrency, tags."""

from collections.abc import Mapping
from typing import Any

from funclet.api.rules.rule import ALIAS, FUNCTION, VERSIONED, Rule, matches
from funclet.api.values import DURATION_PATTERN, QUANTITY_PATTERN, parse_duration, parse_quantity

_MAX_TAGS = 50
_MAX_TAG_NAME = 128


def _quantity(node: str, low: str, high: str) -> Rule:
    field = node.rpartition(".")[2]

    def holds(value: str | int) -> bool:
        text = str(value)
        return matches(QUANTITY_PATTERN, text) and (
            parse_quantity(low) <= parse_quantity(text) <= parse_quantity(high)
        )

    return Rule(
        name=f"{field} in range",
        kinds=VERSIONED,
        node=node,
        cel=(
            f"string(self).matches(r'{QUANTITY_PATTERN}')"
            f" && quantity(string(self)).compareTo(quantity('{low}')) >= 0"
            f" && quantity(string(self)).compareTo(quantity('{high}')) <= 0"
        ),
        message=f"{field} must be a quantity from {low} to {high}: a whole number, then Mi or Gi, such as 512Mi",
        holds=holds,
        whole=True,
    )


def _duration(kinds: tuple[str, ...], node: str, low: str, high: str, *, whole_seconds: bool) -> Rule:
    field = node.rpartition(".")[2]
    whole = " && duration(self).getMilliseconds() % 1000 == 0"

    def holds(text: str) -> bool:
        if not matches(DURATION_PATTERN, text):
            return False
        seconds = parse_duration(text)
        in_range = parse_duration(low) <= seconds <= parse_duration(high)
        return in_range and (seconds.is_integer() or not whole_seconds)

    return Rule(
        name=f"{field} in range",
        kinds=kinds,
        node=node,
        cel=(
            f"self.matches(r'{DURATION_PATTERN}')"
            f" && duration(self) >= duration('{low}') && duration(self) <= duration('{high}')"
            + (whole if whole_seconds else "")
        ),
        message=(
            f"{field} must be a duration{' of whole seconds' if whole_seconds else ''} "
            f"from {low} to {high}, such as 90s or 1m30s"
        ),
        holds=holds,
        whole=True,
    )


def _floor_below_cap(spec: Mapping[str, Any]) -> bool:
    cap = spec["concurrency"].get("reserved")
    return cap is None or spec["scaling"]["min"] <= cap


RULES = (
    _quantity("spec.memory", "128Mi", "10240Mi"),
    _quantity("spec.ephemeralStorage", "512Mi", "10240Mi"),
    _duration(VERSIONED, "spec.timeout", "1s", "15m", whole_seconds=True),
    _duration(FUNCTION, "spec.scaling.idle", "1s", "168h", whole_seconds=False),
    _duration(FUNCTION, "spec.async.maximumEventAge", "1m", "6h", whole_seconds=True),
    _duration(ALIAS, "spec.rollout.interval", "1s", "168h", whole_seconds=False),
    Rule(
        name="the floor is below the cap",
        kinds=FUNCTION,
        node="spec",
        cel="!has(self.concurrency.reserved) || self.scaling.min <= self.concurrency.reserved",
        message="scaling.min must be at most concurrency.reserved",
        holds=_floor_below_cap,
        path="scaling.min",
    ),
    Rule(
        name="an alias follows automatic versions only",
        kinds=FUNCTION,
        node="spec",
        cel="!has(self.publishAlias) || self.publish == 'Auto'",
        message="publishAlias is allowed only with publish: Auto",
        holds=lambda spec: "publishAlias" not in spec or spec["publish"] == "Auto",
        path="publishAlias",
        reason="FieldValueForbidden",
    ),
    Rule(
        name="at most fifty tags",
        kinds=FUNCTION,
        node="spec.tags",
        cel=f"size(self) <= {_MAX_TAGS}",
        message="Number of tags exceeds resource tag limit.",
        holds=lambda tags: len(tags) <= _MAX_TAGS,
    ),
    Rule(
        name="short names of tags",
        kinds=FUNCTION,
        node="spec.tags",
        cel=f"self.all(name, size(name) >= 1 && size(name) <= {_MAX_TAG_NAME})",
        message="names of tags must have 1 to 128 characters",
        holds=lambda tags: all(1 <= len(name) <= _MAX_TAG_NAME for name in tags),
    ),
)
