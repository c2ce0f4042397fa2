"""The table of routes, made from objects: who holds a name, what each version and alias means."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from funclet.api.alias import Alias
from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.api.values import parse_duration
from funclet.plan import reasons
from funclet.plan.admission import admitted
from funclet.plan.arns import function_arn
from funclet.plan.observed import CodeState
from funclet.plan.owners import older
from funclet.plan.revision import Platform, Revision
from funclet.plan.revisions import latest_revision, version_revision
from funclet.plan.routes import LATEST, AliasRoute, FunctionRoute, Unavailable

#: what is known of the code of a Function or FunctionVersion as it is now; None: nothing yet
CodeOf = Callable[[Function | FunctionVersion], CodeState | Unavailable | None]
#: namespace and Lambda name
RouteKey = tuple[str, str]


def build_routes(
    functions: Iterable[Function],
    versions: Iterable[FunctionVersion],
    aliases: Iterable[Alias],
    platform: Platform,
    code: CodeOf,
) -> dict[RouteKey, FunctionRoute]:
    """Every function that can be called, by namespace and Lambda name."""
    versions, aliases = tuple(versions), tuple(aliases)
    return {
        key: build_route(
            function,
            [v for v in versions if _of(function, v.metadata.namespace, v.spec.function)],
            [a for a in aliases if _of(function, a.metadata.namespace, a.spec.function)],
            platform,
            code,
        )
        for key, function in holders(functions).items()
    }


def holders(functions: Iterable[Function]) -> dict[RouteKey, Function]:
    """Who holds each Lambda name: of several the oldest."""
    held: dict[RouteKey, Function] = {}
    for function in functions:
        key = (function.metadata.namespace, function.lambda_name)
        if key not in held or older(function, held[key]):
            held[key] = function
    return held


def build_route(
    function: Function,
    versions: Iterable[FunctionVersion],
    aliases: Iterable[Alias],
    platform: Platform,
    code: CodeOf,
) -> FunctionRoute:
    """One function's route; versions and aliases are those that name it."""
    spec = function.spec
    latest = latest_revision(function, code(function), platform)
    numbered = {
        str(number): _version(version, function, platform, code)
        for number, version in admitted(versions, function).items()
    }
    return FunctionRoute(
        namespace=function.metadata.namespace,
        function=function.metadata.name,
        name=function.lambda_name,
        arn=function_arn(platform, function.metadata.namespace, function.lambda_name),
        reserved=spec.concurrency.reserved,
        per_instance=spec.concurrency.per_instance,
        idle=parse_duration(spec.scaling.idle),
        min_instances=spec.scaling.min,
        versions={LATEST: latest, **numbered},
        aliases=alias_routes(aliases),
    )


def keep_serving(route: FunctionRoute, before: FunctionRoute | None) -> FunctionRoute:
    """Leave the old $LATEST in place where the new one cannot even be made; the status tells of that."""
    if before is None or before.function != route.function:
        return route
    new, old = route.versions[LATEST], before.versions[LATEST]
    if (
        not isinstance(new, Unavailable)
        or isinstance(old, Unavailable)
        or new.reason == reasons.NOT_SUPPORTED
    ):
        return route
    return replace(route, versions={**route.versions, LATEST: old})


def _version(
    version: FunctionVersion, function: Function, platform: Platform, code: CodeOf
) -> Revision | Unavailable:
    # Its archive is asked for by hash when an instance starts, so a restart need not wait for a look at it.
    known = code(version) or CodeState(version.spec.code_sha256)
    return version_revision(version, function, known, platform)


def alias_routes(aliases: Iterable[Alias]) -> dict[str, AliasRoute]:
    """What each alias of one function means; of two with one name the older holds."""
    held: dict[str, Alias] = {}
    for alias in aliases:
        known = held.get(alias.spec.name)
        if known is None or older(alias, known):
            held[alias.spec.name] = alias
    return {
        name: AliasRoute(alias.spec.version, dict(alias.spec.routing_config.additional_version_weights))
        for name, alias in sorted(held.items())
    }


def _of(function: Function, namespace: str, name: str) -> bool:
    return (function.metadata.namespace, function.metadata.name) == (namespace, name)
