"""Where an alias sends its traffic, in AWS's words where AWS has them."""

from collections.abc import Mapping
from typing import Any

from funclet.api.rules.names import NUMBER, is_number
from funclet.api.rules.rule import ALIAS, Rule

_WEIGHTS = "spec.routingConfig.additionalVersionWeights"
_HAS_WEIGHTS = "has(self.routingConfig) && has(self.routingConfig.additionalVersionWeights)"


def _weights(spec: Mapping[str, Any]) -> Mapping[str, float]:
    weights: Mapping[str, float] = spec.get("routingConfig", {}).get("additionalVersionWeights", {})
    return weights


def _included(version: str) -> str:
    return (
        f"Invalid function version {version}. "
        f"Function version {version} is already included in routing configuration."
    )


RULES = (
    Rule(
        name="one extra version",
        kinds=ALIAS,
        node=_WEIGHTS,
        cel="size(self) <= 1",
        message="Number of items in AdditionalVersionWeights cannot be greater than 1",
        holds=lambda weights: len(weights) <= 1,
    ),
    Rule(
        name="extra versions are numbers",
        kinds=ALIAS,
        node=_WEIGHTS,
        cel=f"self.all(version, version.matches(r'{NUMBER}'))",
        message="keys of additionalVersionWeights must be numbers from 1, in quotes and without leading zeros",
        holds=lambda weights: all(map(is_number, weights)),
    ),
    Rule(
        name="no weights beside $LATEST",
        kinds=ALIAS,
        node="spec",
        cel=(
            f"self.version != '$LATEST' || !({_HAS_WEIGHTS})"
            " || size(self.routingConfig.additionalVersionWeights) == 0"
        ),
        message="$LATEST is not supported for an alias pointing to more than 1 version",
        holds=lambda spec: spec["version"] != "$LATEST" or not _weights(spec),
        path="routingConfig",
    ),
    Rule(
        name="the extra version is another one",
        kinds=ALIAS,
        node="spec",
        cel=f"!({_HAS_WEIGHTS}) || !(self.version in self.routingConfig.additionalVersionWeights)",
        message="additionalVersionWeights must not name the alias's own version",
        holds=lambda spec: spec["version"] not in _weights(spec),
        path="routingConfig",
        message_cel=(
            "'Invalid function version ' + self.version + '. Function version ' + self.version"
            " + ' is already included in routing configuration.'"
        ),
        describe=lambda spec: _included(spec["version"]),
    ),
)
