"""Examples for the rules on names and numbers."""

from support.rule_examples.example import Examples

_ALIAS_NAMES = ("live", "v1", "2024-01-02", "_", "-", "A" * 128, "1a")
_BAD_ALIAS_NAMES = ("", "2024", "0", "a b", "a.b", "$LATEST", "ä", "live\n", "A" * 129)
_FUNCTIONS = ("greet", "a.b", "1", "a-1")
_BAD_FUNCTIONS = ("", "other/greet", "Greet", "greet:1", "-a", "a\n", "arn:aws:lambda:r:1:function:f")
_BAD_NUMBERS = (
    "",
    "0",
    "01",
    "-1",
    "1.0",
    "1e3",
    "one",
    "1\n",
    "\N{ARABIC-INDIC DIGIT ONE}",
    "1000000000000000",
)

EXAMPLES = (
    Examples("a Lambda name", ("greet", "My_Function-1", "A" * 64), ("", "a.b", "a b", "ä", "A" * 65, "a\n")),
    Examples("a name for the alias that follows", _ALIAS_NAMES, _BAD_ALIAS_NAMES),
    Examples("an alias name", _ALIAS_NAMES, _BAD_ALIAS_NAMES),
    Examples("a version names a function of its namespace", _FUNCTIONS, _BAD_FUNCTIONS),
    Examples("an alias names a function of its namespace", _FUNCTIONS, _BAD_FUNCTIONS),
    Examples("a version's number", ("1", "10", "999999999999999"), (*_BAD_NUMBERS, "$LATEST")),
    Examples("an alias's version", ("$LATEST", "1", "10"), (*_BAD_NUMBERS, "$latest", "LATEST", "live")),
)
