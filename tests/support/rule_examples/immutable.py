"""Examples for the rules on what never changes."""

from support.rule_examples.code import IMAGE, INLINE
from support.rule_examples.example import Change, Examples

_SPEC = {"function": "greet", "version": "1", "code": INLINE, "environment": {"A": "b"}}

EXAMPLES = (
    Examples(
        "a version never changes",
        (Change(_SPEC, _SPEC), Change(dict(_SPEC), {**_SPEC})),
        (
            Change({**_SPEC, "code": IMAGE}, _SPEC),
            Change({**_SPEC, "environment": {"A": "c"}}, _SPEC),
            Change({**_SPEC, "description": "new"}, _SPEC),
            Change(_SPEC, {**_SPEC, "description": "old"}),
        ),
    ),
    Examples(
        "a function keeps its Lambda name",
        (
            Change({"functionName": "a"}, {"functionName": "a"}),
            Change({"description": "a"}, {"description": "b"}),
        ),
        (
            Change({"functionName": "a"}, {"functionName": "b"}),
            Change({}, {"functionName": "a"}),
            Change({"functionName": "a"}, {}),
        ),
    ),
    Examples("an alias keeps its function", (Change("a", "a"),), (Change("a", "b"),)),
    Examples("an alias keeps its name", (Change("live", "live"),), (Change("live", "test"),)),
)
