"""What all planners say in the same way: the first sight, and why something cannot run."""

from typing import Any

from funclet.api.alias import Alias
from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.plan import reasons
from funclet.plan.conditions import Verdict, conditions
from funclet.plan.plan import Plan
from funclet.plan.routes import Unavailable

#: seconds after which code or a runtime that was missing is looked for again
RETRY_UNAVAILABLE = 30.0
#: what gateways write into a status; whoever writes the rest leaves it alone
GATEWAYS_FIELDS = {"wanted"}

_WAITED_FOR = frozenset({reasons.CODE_PENDING, reasons.FUNCTION_PENDING, reasons.CHILD_LEAVING})


def first_sight(resource: Function | FunctionVersion | Alias, now: str) -> Plan:
    """Ready=Unknown at once: a resource without conditions would count as done."""
    verdict = Verdict("Reconciling", reasons.OBSERVED, "seen for the first time")
    generation = resource.metadata.generation or 1
    said = conditions(verdict, previous=resource.status.conditions, generation=generation, now=now)
    update: dict[str, Any] = {"observed_generation": generation, "conditions": said}
    status = resource.status.model_copy(update=update)
    return Plan(
        status=status.model_dump(mode="json", exclude_none=True, exclude=GATEWAYS_FIELDS), requeue_after=0.0
    )


def verdict_of(why: Unavailable) -> Verdict:
    """Reconciling where it will come by itself, else Stalled."""
    return Verdict("Reconciling" if why.reason in _WAITED_FOR else "Stalled", why.reason, why.message)


def failed_verdict(failure: Unavailable, message: str) -> Verdict:
    """Give the verdict on a revision that does not start; `message` says which."""
    return verdict_of(Unavailable(failure.reason or reasons.REVISION_FAILED, message))
