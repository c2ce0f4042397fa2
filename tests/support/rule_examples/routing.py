"""Examples for the rules on where an alias sends its traffic."""

from typing import Any

from support.rule_examples.example import Examples


def _spec(version: str, weights: dict[str, float] | None = None) -> dict[str, Any]:
    routing = {} if weights is None else {"additionalVersionWeights": weights}
    return {"function": "greet", "name": "live", "version": version, "routingConfig": routing}


EXAMPLES = (
    Examples("one extra version", ({}, {"1": 0.1}), ({"1": 0.1, "2": 0.1},)),
    Examples(
        "extra versions are numbers",
        ({}, {"1": 0.1}, {"12": 1.0}),
        ({"$LATEST": 0.5}, {"0": 0.5}, {"01": 0.5}, {"live": 0.5}, {"": 0.5}),
    ),
    Examples(
        "no weights beside $LATEST",
        (_spec("$LATEST"), _spec("$LATEST", {}), _spec("2", {"1": 0.1})),
        (_spec("$LATEST", {"1": 0.1}),),
    ),
    Examples(
        "the extra version is another one",
        (_spec("2"), _spec("2", {}), _spec("2", {"1": 0.1})),
        (_spec("2", {"2": 0.1}), _spec("1", {"1": 0.1, "2": 0.1})),
    ),
)
