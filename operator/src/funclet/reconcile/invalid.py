"""What is said of an object whose spec breaks a rule: stored under laxer rules, or under another schema."""

from collections.abc import Mapping
from typing import Any

from funclet.api.alias import Alias
from funclet.api.rules import InvalidObjectError
from funclet.kube.port import Object
from funclet.plan import reasons
from funclet.plan.conditions import Verdict, active, conditions, transition
from funclet.plan.plan import Plan
from funclet.plan.status import GATEWAYS_FIELDS
from funclet.reconcile.reading import AnyResource, read_status


def plan_invalid(
    error: InvalidObjectError, resource: AnyResource, fields: Mapping[str, Any], now: str
) -> Plan:
    """Tell which fields cannot be understood, and leave the rest of the status as it was but for `fields`."""
    verdict, before = _verdict(error), resource.status.conditions
    generation = resource.metadata.generation
    marks = () if isinstance(resource, Alias) else (active(fields["instances"]),)
    said = conditions(verdict, *marks, previous=before, generation=generation, now=now)
    update = {"observed_generation": generation, "conditions": said, **fields}
    status = resource.status.model_copy(update=update)
    dumped = status.model_dump(mode="json", exclude_none=True, exclude=GATEWAYS_FIELDS)
    return Plan(status=dumped, events=transition(verdict, before))


def plan_unreadable(error: InvalidObjectError, manifest: Object, now: str) -> Plan:
    """Tell the same of an object that no model takes."""
    verdict, before = _verdict(error), read_status(manifest)
    generation = manifest["metadata"].get("generation")
    said = conditions(verdict, previous=before, generation=generation, now=now)
    dumped = [condition.model_dump(mode="json", exclude_none=True) for condition in said]
    status = manifest.get("status")
    kept = {
        name: value
        for name, value in (status if isinstance(status, dict) else {}).items()
        if name not in GATEWAYS_FIELDS
    }
    return Plan(
        status={**kept, "observedGeneration": generation, "conditions": dumped},
        events=transition(verdict, before),
    )


def _verdict(error: InvalidObjectError) -> Verdict:
    return Verdict("Stalled", reasons.INVALID_SPEC, "; ".join(map(str, error.problems)))
