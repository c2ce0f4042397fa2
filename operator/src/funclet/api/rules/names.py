"""Names: of functions and aliases in the Lambda API, of objects, and numbers of versions."""

from funclet.api.rules.rule import ALIAS, FUNCTION, VERSION, Rule, matches

#: RFC 1123: what Kubernetes takes as metadata.name.
OBJECT_NAME = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$"
MAX_OBJECT_NAME = 253
#: RFC 1123 without dots: what Kubernetes takes as a namespace.
NAMESPACE = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
#: Without leading zeros, and exact in every JSON reader.
NUMBER = r"^[1-9][0-9]{0,14}$"

_LAMBDA_NAME = r"^[a-zA-Z0-9_-]{1,64}$"
_ALIAS_NAME = r"^[a-zA-Z0-9_-]{1,128}$"
_DIGITS = r"^[0-9]+$"
_LATEST = "$LATEST"


def is_number(text: str) -> bool:
    """Tell whether this is the number of a version."""
    return matches(NUMBER, text)


def _is_alias_name(text: str) -> bool:
    return matches(_ALIAS_NAME, text) and not matches(_DIGITS, text)


def _alias_name(name: str, kinds: tuple[str, ...], node: str, field: str) -> Rule:
    return Rule(
        name=name,
        kinds=kinds,
        node=node,
        cel=f"self.matches(r'{_ALIAS_NAME}') && !self.matches(r'{_DIGITS}')",
        message=f"{field} must be 1 to 128 letters, digits, - and _, and not a number",
        holds=_is_alias_name,
        whole=True,
    )


def _own_function(kinds: tuple[str, ...], what: str) -> Rule:
    return Rule(
        name=f"{what} names a function of its namespace",
        kinds=kinds,
        node="spec.function",
        cel=f"self.matches(r'{OBJECT_NAME}')",
        message=(
            "function must be the metadata.name of a Function in the same namespace: lower-case letters, "
            "digits, - and ., at most 253"
        ),
        holds=lambda text: matches(OBJECT_NAME, text),
        whole=True,
    )


RULES = (
    Rule(
        name="a Lambda name",
        kinds=FUNCTION,
        node="spec.functionName",
        cel=f"self.matches(r'{_LAMBDA_NAME}')",
        message="functionName must be 1 to 64 letters, digits, - and _",
        holds=lambda text: matches(_LAMBDA_NAME, text),
        whole=True,
    ),
    _alias_name("a name for the alias that follows", FUNCTION, "spec.publishAlias", "publishAlias"),
    _alias_name("an alias name", ALIAS, "spec.name", "name"),
    _own_function(VERSION, "a version"),
    _own_function(ALIAS, "an alias"),
    Rule(
        name="a version's number",
        kinds=VERSION,
        node="spec.version",
        cel=f"self.matches(r'{NUMBER}')",
        message="version must be a number from 1, in quotes and without leading zeros",
        holds=is_number,
        whole=True,
    ),
    Rule(
        name="an alias's version",
        kinds=ALIAS,
        node="spec.version",
        cel=f"self == '{_LATEST}' || self.matches(r'{NUMBER}')",
        message="version must be $LATEST or a number from 1, in quotes and without leading zeros",
        holds=lambda text: text == _LATEST or is_number(text),
        whole=True,
    ),
)
