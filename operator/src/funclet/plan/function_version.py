"""What a FunctionVersion needs: to be admitted once, an owner, and a status."""

from collections.abc import Mapping
from typing import Any

from funclet.api.base import API_VERSION
from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.plan import reasons
from funclet.plan.admission import is_admitted
from funclet.plan.arns import function_arn
from funclet.plan.conditions import Verdict, active, conditions, transition
from funclet.plan.honours import with_unenforced
from funclet.plan.observed import RevisionState, VersionObserved
from funclet.plan.owners import older, owned_by, owner_reference
from funclet.plan.plan import Plan
from funclet.plan.refusals import refused_verdict
from funclet.plan.revision import Platform, Revision
from funclet.plan.revisions import version_revision
from funclet.plan.routes import Unavailable
from funclet.plan.status import GATEWAYS_FIELDS, RETRY_UNAVAILABLE, failed_verdict, first_sight, verdict_of
from funclet.plan.told_failure import cannot_start
from funclet.plan.unsupported import unsupported

_NOT_STARTED = RevisionState()


def plan_version(version: FunctionVersion, observed: VersionObserved, platform: Platform, now: str) -> Plan:
    """Admit or refuse it, give it its Function as owner, tell its state; the spec is never touched."""
    if version.metadata.deletion_timestamp:
        return Plan()
    if version.status.observed_generation is None:
        return first_sight(version, now)
    function = observed.function
    refused = _refusal(version, observed)
    if function is None or refused is not None:
        # Once admitted it keeps its ARN: a Function that is made again finds its versions again.
        verdict = verdict_of(refused or _no_function(version))
        return _said(version, verdict, {"revision": None, "instances": 0}, now)
    revision = version_revision(version, function, observed.code, platform)
    fields = {
        "function_arn": function_arn(
            platform, function.metadata.namespace, function.lambda_name, version.spec.version
        ),
        **_revision_fields(revision, observed.revisions),
    }
    return _said(
        version,
        _verdict(revision, observed, platform),
        fields,
        now,
        applies=() if owned_by(function, version) else (_adoption(version, function),),
        requeue_after=RETRY_UNAVAILABLE if isinstance(revision, Unavailable) else None,
    )


def _refusal(version: FunctionVersion, observed: VersionObserved) -> Unavailable | None:
    function = observed.function
    if function is None or function.metadata.deletion_timestamp:
        return _no_function(version)
    holder = next((rival for rival in observed.rivals if older(rival, version)), None)
    if holder is not None:
        message = f"version {version.spec.version} is FunctionVersion {holder.metadata.name}, which is older"
        return Unavailable(reasons.NAME_TAKEN, message)
    return None if is_admitted(version, function) else _not_admitted(version, function)


def _not_admitted(version: FunctionVersion, function: Function) -> Unavailable | None:
    if function.status.observed_generation is None:
        return Unavailable(reasons.FUNCTION_PENDING, f"Function {version.spec.function} is being looked at")
    last = function.status.last_version
    if int(version.spec.version) <= last:
        message = f"spec.version: numbers up to {last} are used; the next free one is {last + 1}"
        return Unavailable(reasons.VERSION_NUMBER_USED, message)
    missing = _missing(version)
    if missing:
        message = f"a version freezes everything; missing: {', '.join(missing)}"
        return Unavailable(reasons.VERSION_INCOMPLETE, message)
    return None


def _no_function(version: FunctionVersion) -> Unavailable:
    message = f"spec.function: there is no Function {version.spec.function} in this namespace"
    return Unavailable(reasons.FUNCTION_NOT_FOUND, message)


def _missing(version: FunctionVersion) -> list[str]:
    spec = version.spec
    needed: dict[str, str | None] = {"spec.codeSha256": spec.code_sha256}
    if spec.code.image is None:
        needed |= {"spec.runtime": spec.runtime, "spec.runtimeDigest": spec.runtime_digest}
    return [path for path, value in needed.items() if not value]


def _revision_fields(
    revision: Revision | Unavailable, states: Mapping[str, RevisionState]
) -> dict[str, str | int | None]:
    if isinstance(revision, Unavailable):
        return {"revision": None, "instances": 0}
    return {"revision": revision.key, "instances": states.get(revision.key, _NOT_STARTED).instances}


def _verdict(revision: Revision | Unavailable, observed: VersionObserved, platform: Platform) -> Verdict:
    if isinstance(revision, Unavailable):
        return verdict_of(revision)
    failure = observed.revisions.get(revision.key, _NOT_STARTED).failure
    if failure is not None:
        return failed_verdict(failure, cannot_start(revision.key, failure))
    if (refused := refused_verdict(observed.refused)) is not None:
        return refused
    warning = f"; {revision.runtime.warning}" if revision.runtime.warning else ""
    later = ", ".join(unsupported(revision.settings))
    if later:
        message = (
            f"{later} is not supported yet; version {revision.version} can be called without it{warning}"
        )
        return Verdict("Stalled", reasons.NOT_SUPPORTED, message)
    ready = Verdict("Ready", reasons.READY, f"version {revision.version} can be called{warning}")
    return with_unenforced(ready, revision, platform)


def _adoption(version: FunctionVersion, function: Function) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "FunctionVersion",
        "metadata": {
            "name": version.metadata.name,
            "namespace": version.metadata.namespace,
            "uid": version.metadata.uid,
            "ownerReferences": [owner_reference(function, controller=False)],
        },
    }


def _said(
    version: FunctionVersion,
    verdict: Verdict,
    fields: Mapping[str, Any],
    now: str,
    *,
    applies: tuple[Mapping[str, Any], ...] = (),
    requeue_after: float | None = None,
) -> Plan:
    generation = version.metadata.generation
    before = version.status.conditions
    said = conditions(verdict, active(fields["instances"]), previous=before, generation=generation, now=now)
    status = version.status.model_copy(
        update={"observed_generation": generation, "conditions": said, **fields}
    )
    return Plan(
        applies=applies,
        status=status.model_dump(mode="json", exclude_none=True, exclude=GATEWAYS_FIELDS),
        events=transition(verdict, before),
        requeue_after=requeue_after,
    )
