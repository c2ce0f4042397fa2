"""Environment variables: their names, and how many bytes they may be."""

from collections.abc import Mapping

from funclet.api.rules.measure import cel_json_size, json_size
from funclet.api.rules.rule import VERSIONED, Rule, cel_list, matches
from funclet.api.settings import MAX_ENVIRONMENT

#: Names that Lambda sets itself and lets nobody else set.
RESERVED = (
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_MAX_CONCURRENCY",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
)

_NAME = r"^[A-Za-z][A-Za-z0-9_]{0,255}$"
_UNABLE = (
    "Lambda was unable to configure your environment variables because the environment variables "
    "you have provided "
)
_RESERVED_WORDS = (
    f"{_UNABLE}contains reserved keys that are currently not supported for modification. "
    "Reserved keys used in this request:"
)
# One constant choice for each name: an API server cannot bound the cost of a join.
_CEL_RESERVED_WORDS = " + ".join(
    [f"'{_RESERVED_WORDS}'", *(f"('{name}' in self ? ' {name}' : '')" for name in RESERVED)]
)


def _reserved_words(pairs: Mapping[str, str]) -> str:
    return _RESERVED_WORDS + "".join(f" {name}" for name in RESERVED if name in pairs)


def variables(node: str, what: str) -> tuple[Rule, ...]:
    """Make the rules for names of variables, which hold wherever one may be set."""
    return (
        Rule(
            name=f"{what} has plain names",
            kinds=VERSIONED,
            node=node,
            cel=f"self.all(name, name.matches(r'{_NAME}'))",
            message=f"names in {what} must be 1 to 256 letters, digits and _, and begin with a letter",
            holds=lambda pairs: all(matches(_NAME, name) for name in pairs),
        ),
        Rule(
            name=f"{what} leaves reserved names alone",
            kinds=VERSIONED,
            node=node,
            cel=f"!{cel_list(RESERVED)}.exists(name, name in self)",
            message=f"{what} must not set a name that Lambda reserves: {', '.join(RESERVED)}",
            holds=lambda pairs: not any(name in pairs for name in RESERVED),
            message_cel=_CEL_RESERVED_WORDS,
            describe=_reserved_words,
        ),
        Rule(
            name=f"{what} leaves Funclet's names alone",
            kinds=VERSIONED,
            node=node,
            cel="self.all(name, !name.startsWith('FUNCLET_'))",
            message=f"{what} must not set a name that begins with FUNCLET_: Funclet reserves them",
            holds=lambda pairs: not any(name.startswith("FUNCLET_") for name in pairs),
        ),
    )


RULES = (
    *variables("spec.environment", "environment"),
    Rule(
        name="little environment",
        kinds=VERSIONED,
        node="spec.environment",
        cel=f"{cel_json_size('self')} <= {MAX_ENVIRONMENT}",
        message=f"{_UNABLE}exceeded the 4KB limit.",
        holds=lambda pairs: json_size(pairs) <= MAX_ENVIRONMENT,
    ),
)
