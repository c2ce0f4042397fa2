"""A function's route as its status tells it: what a gateway on a cluster follows.

The operator alone resolves code and runtimes; whoever follows takes keys, hashes and digests from the status,
so that two releases never disagree about a revision.
"""

from collections.abc import Iterable
from dataclasses import replace

from funclet.api.alias import Alias
from funclet.api.base import Condition
from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.api.settings import VersionedSettings
from funclet.api.values import parse_duration
from funclet.plan import reasons
from funclet.plan.admission import admitted
from funclet.plan.arns import function_arn
from funclet.plan.conditions import find
from funclet.plan.revision import Platform, ResolvedRuntime, Revision
from funclet.plan.revisions import versioned
from funclet.plan.route_table import alias_routes
from funclet.plan.routes import LATEST, FunctionRoute, Unavailable


def followed_route(
    function: Function,
    versions: Iterable[FunctionVersion],
    aliases: Iterable[Alias],
    platform: Platform,
    before: FunctionRoute | None,
) -> FunctionRoute:
    """One function's route; versions and aliases are those that name it, `before` is the route that it had.

    While the operator has not seen the newest spec, $LATEST stays what it was. The revision that serves is told
    beside it, so that a gateway that knows nothing from before lets it serve on until the changed one can.
    """
    spec, namespace = function.spec, function.metadata.namespace
    latest = _latest(function, before)
    numbered = {
        str(number): _version(version, function) for number, version in admitted(versions, function).items()
    }
    return FunctionRoute(
        namespace=namespace,
        function=function.metadata.name,
        name=function.lambda_name,
        arn=function_arn(platform, namespace, function.lambda_name),
        reserved=spec.concurrency.reserved,
        per_instance=spec.concurrency.per_instance,
        idle=parse_duration(spec.scaling.idle),
        min_instances=spec.scaling.min,
        versions={LATEST: latest, **numbered},
        aliases=alias_routes(aliases),
        serving=_serving(function, before, latest),
    )


def _serving(
    function: Function, before: FunctionRoute | None, latest: Revision | Unavailable
) -> Revision | None:
    key = function.status.serving_revision
    if key is None or not isinstance(latest, Revision) or latest.key == key:
        return None
    known = (before.serving, before.versions.get(LATEST)) if before is not None else ()
    for each in known:
        if isinstance(each, Revision) and each.key == key:
            # Its settings are those that it was made with, whatever the spec says by now.
            return each
    return replace(latest, key=key)


def _latest(function: Function, before: FunctionRoute | None) -> Revision | Unavailable:
    status = function.status
    known = before.versions.get(LATEST) if before is not None and _same(before, function) else None
    is_current = status.observed_generation == function.metadata.generation
    if known is not None and not is_current:
        return known
    key = status.latest_revision
    if key is None:
        key = status.serving_revision
    if key is None or status.code_sha256 is None:
        return _why_not(status.conditions, "function")
    describes = is_current and key == status.latest_revision
    if isinstance(known, Revision) and known.key == key and not describes:
        # Its settings are those that it was made with, whatever the spec says by now.
        return known
    runtime = ResolvedRuntime(function.spec.runtime or "image", status.runtime_digest or "")
    return _revision(function, LATEST, key, function.spec, status.code_sha256, runtime)


def _same(before: FunctionRoute, function: Function) -> bool:
    return (before.namespace, before.function) == (function.metadata.namespace, function.metadata.name)


def _version(version: FunctionVersion, function: Function) -> Revision | Unavailable:
    spec, key = version.spec, version.status.revision
    if key is None:
        return _why_not(version.status.conditions, "version")
    runtime = ResolvedRuntime(spec.runtime or "image", spec.runtime_digest or f"sha256:{spec.code_sha256}")
    return _revision(function, spec.version, key, spec, spec.code_sha256, runtime)


def _why_not(conditions: Iterable[Condition], what: str) -> Unavailable:
    ready = find("Ready", conditions)
    if ready is not None and ready.status == "False":
        return Unavailable(ready.reason, ready.message)
    return Unavailable(reasons.FUNCTION_PENDING, f"the operator has not looked at this {what} yet")


def _revision(
    function: Function,
    version: str,
    key: str,
    settings: VersionedSettings,
    code_sha256: str,
    runtime: ResolvedRuntime,
) -> Revision:
    return Revision(
        key=key,
        namespace=function.metadata.namespace,
        function=function.metadata.name,
        function_name=function.lambda_name,
        version=version,
        settings=versioned(settings),
        code_sha256=code_sha256,
        runtime=runtime,
    )
