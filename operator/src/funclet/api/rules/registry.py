"""Every rule, in the order in which the CRDs list them."""

from funclet.api.rules import code, environment, immutable, limits, names, references, routing

RULES = (
    *code.RULES,
    *environment.RULES,
    *references.RULES,
    *limits.RULES,
    *names.RULES,
    *routing.RULES,
    *immutable.RULES,
)
