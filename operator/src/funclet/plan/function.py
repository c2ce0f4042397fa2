"""What a Function needs: its versions, its publish alias, and a status that tells how $LATEST fares."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from funclet.api.base import API_VERSION
from funclet.api.function import Async, Function, FunctionStatus
from funclet.plan import names, reasons
from funclet.plan.admission import admitted
from funclet.plan.arns import function_arn
from funclet.plan.conditions import Mark, Verdict, active, conditions, mark_transition, transition
from funclet.plan.honours import told_unenforced, with_unenforced
from funclet.plan.labels import function_selector
from funclet.plan.observed import FunctionObserved, RevisionState
from funclet.plan.owners import made_by, older, owner_reference
from funclet.plan.plan import Event, Key, Plan
from funclet.plan.publish import Publishing, plan_publish, surplus_versions
from funclet.plan.refusals import Refused, refused_verdict
from funclet.plan.revision import Platform, Revision
from funclet.plan.revisions import latest_revision
from funclet.plan.routes import Unavailable
from funclet.plan.status import GATEWAYS_FIELDS, RETRY_UNAVAILABLE, failed_verdict, first_sight, verdict_of
from funclet.plan.told_failure import cannot_start
from funclet.plan.unsupported import unsupported

_NOT_STARTED = RevisionState()
_REFUSED = frozenset({reasons.NAME_TAKEN, reasons.NOT_SUPPORTED})


def plan_function(function: Function, observed: FunctionObserved, platform: Platform, now: str) -> Plan:
    """Publish what is due, move the publish alias, remove surplus versions, tell the state.

    `now` is RFC 3339 in whole seconds, UTC. Planning again after the plan was carried out gives nothing
    more to do.
    """
    if function.metadata.deletion_timestamp:
        return Plan()
    if function.status.observed_generation is None:
        return first_sight(function, now)
    holder = next((rival for rival in observed.rivals if older(rival, function)), None)
    latest = latest_revision(function, observed.code, platform)
    if holder is not None:
        message = (
            f"the name {function.lambda_name} belongs to Function {holder.metadata.name}, which is older"
        )
        latest = Unavailable(reasons.NAME_TAKEN, message)
    if isinstance(latest, Unavailable):
        return _blocked(function, observed, platform, latest, now)
    return _serving(function, observed, platform, latest, now)


def serving_revision(previous: str | None, latest: str, states: Mapping[str, RevisionState]) -> str:
    """Which revision takes calls to $LATEST.

    A changed one takes over when one of its instances is ready, or at once where the one before it has
    none; where it cannot start, the one before it goes on, as long as there is something of it.
    """
    if previous is None or previous == latest or states.get(latest, _NOT_STARTED).ready:
        return latest
    if previous not in states:
        return latest
    if states.get(latest, _NOT_STARTED).failure is not None:
        return previous
    return previous if states[previous].instances else latest


def _blocked(
    function: Function, observed: FunctionObserved, platform: Platform, why: Unavailable, now: str
) -> Plan:
    verdict = verdict_of(why)
    status = _status(function, observed, verdict, (), now)
    arn = (
        None
        if why.reason == reasons.NAME_TAKEN
        else function_arn(platform, function.metadata.namespace, function.lambda_name)
    )
    # No revision is described; the one before it goes on, except where the function as such is refused.
    update = {"function_arn": arn, "latest_revision": None}
    if why.reason in _REFUSED:
        update["serving_revision"] = None
    return Plan(
        status=_dump(status.model_copy(update=update)),
        events=transition(verdict, function.status.conditions),
        requeue_after=RETRY_UNAVAILABLE if why.reason != reasons.NAME_TAKEN else None,
    )


def _serving(
    function: Function, observed: FunctionObserved, platform: Platform, latest: Revision, now: str
) -> Plan:
    publishing = plan_publish(function, observed, latest)
    follow = _follow(function, observed, publishing)
    serving = serving_revision(function.status.serving_revision, latest.key, observed.revisions)
    verdict = with_unenforced(_verdict(function, latest, serving, observed), latest, platform)
    made = publishing.last_version if publishing.manifest is not None else None
    named = () if follow.version is None else (follow.version,)
    gone = surplus_versions(function, observed, made=made, named=named)
    status = _status(function, observed, verdict, follow.marks, now).model_copy(
        update={
            "last_version": publishing.last_version,
            "unused_version": publishing.unused,
            "publication": publishing.publication,
            "function_arn": function_arn(platform, function.metadata.namespace, function.lambda_name),
            "code_sha256": latest.code_sha256,
            "runtime_digest": latest.runtime.digest,
            "latest_revision": latest.key,
            "serving_revision": serving,
        }
    )
    # The publication is told only when the version is there.
    reserved = function.status.model_copy(
        update={"last_version": publishing.last_version, "unused_version": None}
    )
    return Plan(
        deletes=gone,
        status_before=_dump(reserved) if made is not None else None,
        applies=tuple(
            manifest for manifest in (publishing.manifest, follow.manifest) if manifest is not None
        ),
        status=_dump(status),
        events=(
            *publishing.events,
            *follow.events,
            *_told_removed(len(gone), function),
            *_told_substitute(function, latest),
            *told_unenforced(latest, function.status.latest_revision, platform),
            *transition(verdict, function.status.conditions),
        ),
    )


def _verdict(function: Function, latest: Revision, serving: str, observed: FunctionObserved) -> Verdict:
    failure = observed.revisions.get(latest.key, _NOT_STARTED).failure
    if failure is not None:
        other = None if serving == latest.key else serving
        return failed_verdict(failure, cannot_start(latest.key, failure, serving=other))
    if (refused := refused_verdict(observed.refused)) is not None:
        return refused
    if serving != latest.key:
        message = f"revision {latest.key} is starting; {serving} serves until it is ready"
        return Verdict("Reconciling", reasons.REVISION_STARTING, message)
    warning = f"; {latest.runtime.warning}" if latest.runtime.warning else ""
    later = ", ".join((*unsupported(function.spec), *_unsupported_here(function)))
    if later:
        message = f"{later} is not supported yet; $LATEST can be called without it{warning}"
        return Verdict("Stalled", reasons.NOT_SUPPORTED, message)
    return Verdict("Ready", reasons.READY, f"$LATEST can be called{warning}")


def _unsupported_here(function: Function) -> Iterator[str]:
    """Name the function-level fields that nothing serves; they keep no function from being called."""
    spec = function.spec
    if spec.url is not None:
        yield "spec.url"
    if spec.async_ != Async():
        yield "spec.async"


@dataclass(frozen=True, slots=True)
class _Follow:
    """What becomes of the alias that follows the newest version."""

    version: str | None = None
    manifest: Mapping[str, Any] | None = None
    marks: tuple[Mark, ...] = ()
    events: tuple[Event, ...] = ()


def _follow(function: Function, observed: FunctionObserved, publishing: Publishing) -> _Follow:
    name = function.spec.publish_alias
    numbers = list(admitted(observed.versions, function))
    if publishing.manifest is not None:
        numbers.append(publishing.last_version)
    if name is None or function.spec.publish != "Auto" or not numbers:
        return _Follow()
    newest = str(max(numbers))
    there = next((alias for alias in observed.aliases if alias.spec.name == name), None)
    if there is not None and not made_by(function, there):
        message = (
            f"Alias {there.metadata.name} has the name {name} of spec.publishAlias and is not Funclet's: left"
            " alone; delete it, or choose another name"
        )
        mark = Mark("AliasFollows", "False", reasons.ALIAS_NOT_OWNED, message)
        return _Follow(marks=(mark,), events=mark_transition(mark, function.status.conditions))
    mark = Mark("AliasFollows", "True", reasons.ALIAS_MOVED, f"{name} is at version {newest}")
    if there is not None and there.spec.version == newest:
        return _Follow(newest, marks=(mark,))
    if (refused := _refused_alias(function, observed, name)) is not None:
        mark = Mark("AliasFollows", "False", refused.why.reason, refused.why.message)
        return _Follow(newest, marks=(mark,))
    moved = Event("Normal", reasons.ALIAS_MOVED, f"alias {name} moves to version {newest}")
    return _Follow(newest, _alias_manifest(function, name, newest), (mark,), (moved,))


def _refused_alias(function: Function, observed: FunctionObserved, name: str) -> Refused | None:
    meta = function.metadata
    return observed.refused.get(Key("Alias", meta.namespace, names.alias_name(meta.name, name)))


def _alias_manifest(function: Function, name: str, version: str) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "Alias",
        "metadata": {
            "name": names.alias_name(function.metadata.name, name),
            "namespace": function.metadata.namespace,
            "labels": {"app.kubernetes.io/managed-by": "funclet"},
            "ownerReferences": [owner_reference(function, controller=True)],
        },
        "spec": {"function": function.metadata.name, "name": name, "version": version},
    }


def _told_removed(count: int, function: Function) -> tuple[Event, ...]:
    message = f"{count} beyond spec.keepVersions: {function.spec.keep_versions}"
    return (Event("Normal", reasons.VERSIONS_REMOVED, message),) if count else ()


def _told_substitute(function: Function, latest: Revision) -> tuple[Event, ...]:
    if latest.runtime.warning is None or function.status.latest_revision == latest.key:
        return ()
    return (Event("Warning", reasons.RUNTIME_SUBSTITUTED, latest.runtime.warning),)


def _status(
    function: Function, observed: FunctionObserved, verdict: Verdict, marks: tuple[Mark, ...], now: str
) -> FunctionStatus:
    instances = sum(state.instances for state in observed.revisions.values())
    generation = function.metadata.generation
    said = conditions(
        verdict,
        active(instances),
        *marks,
        previous=function.status.conditions,
        generation=generation,
        now=now,
    )
    update = {
        "observed_generation": generation,
        "conditions": said,
        "instances": instances,
        "selector": function_selector(function.metadata.name),
    }
    return function.status.model_copy(update=update)


def _dump(status: FunctionStatus) -> dict[str, Any]:
    return status.model_dump(mode="json", exclude_none=True, exclude=GATEWAYS_FIELDS)
