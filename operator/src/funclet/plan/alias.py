"""What an Alias says: whether what it names is there."""

from funclet.api.alias import Alias
from funclet.plan import reasons
from funclet.plan.arns import function_arn
from funclet.plan.conditions import Verdict, conditions, transition
from funclet.plan.deletes import named_versions
from funclet.plan.observed import AliasObserved
from funclet.plan.owners import older
from funclet.plan.plan import Plan
from funclet.plan.revision import Platform
from funclet.plan.routes import LATEST
from funclet.plan.status import first_sight


def plan_alias(alias: Alias, observed: AliasObserved, platform: Platform, now: str) -> Plan:
    """Tell the status of an alias; routes are made of specs, so that a late status delays no call."""
    if alias.metadata.deletion_timestamp:
        return Plan()
    if alias.status.observed_generation is None:
        return first_sight(alias, now)
    verdict = _verdict(alias, observed)
    function = observed.function
    holds = function is not None and verdict.reason != reasons.NAME_TAKEN
    arn = (
        function_arn(platform, function.metadata.namespace, function.lambda_name, alias.spec.name)
        if function and holds
        else None
    )
    generation = alias.metadata.generation
    before = alias.status.conditions
    update = {
        "observed_generation": generation,
        "conditions": conditions(verdict, previous=before, generation=generation, now=now),
        "alias_arn": arn,
        "version": alias.spec.version if holds else None,
    }
    status = alias.status.model_copy(update=update)
    return Plan(status=status.model_dump(mode="json", exclude_none=True), events=transition(verdict, before))


def _verdict(alias: Alias, observed: AliasObserved) -> Verdict:
    spec = alias.spec
    if observed.function is None or observed.function.metadata.deletion_timestamp:
        message = f"spec.function: there is no Function {spec.function} in this namespace"
        return Verdict("Stalled", reasons.FUNCTION_NOT_FOUND, message)
    holder = next((rival for rival in observed.rivals if older(rival, alias)), None)
    if holder is not None:
        message = f"the name {spec.name} belongs to Alias {holder.metadata.name}, which is older"
        return Verdict("Stalled", reasons.NAME_TAKEN, message)
    missing = sorted(named_versions(alias) - observed.versions - {LATEST})
    if missing:
        message = f"{spec.function} has no version {', '.join(missing)}; calls that would go there get 404"
        return Verdict("Stalled", reasons.VERSION_NOT_FOUND, message)
    later = _not_supported(alias)
    if later is not None:
        return Verdict("Stalled", reasons.NOT_SUPPORTED, later)
    weights = spec.routing_config.additional_version_weights
    shares = "".join(f", {weight:.1%} of the calls to {number}" for number, weight in weights.items())
    return Verdict("Ready", reasons.READY, f"points to version {spec.version}{shares}")


def _not_supported(alias: Alias) -> str | None:
    if alias.spec.rollout is not None and alias.spec.rollout.type != "AllAtOnce":
        return (
            f"spec.rollout: {alias.spec.rollout.type} is not supported yet; calls go to spec.version at once"
        )
    if alias.spec.provisioned_concurrency:
        return "spec.provisionedConcurrency is not supported yet; the alias takes calls without it"
    return None
