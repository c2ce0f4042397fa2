"""Objects by the names that people call them: the object's own, or the one in the Lambda API."""

from collections.abc import Iterable

from funclet.cli.cluster import Cluster, Object
from funclet.cli.errors import CliError, Exit
from funclet.local.rest.kinds import BY_KIND, Kind

_FUNCTION = BY_KIND["Function"]
_ALIAS = BY_KIND["Alias"]
LATEST = "$LATEST"


def find(cluster: Cluster, kind: Kind, name: str) -> Object:
    """The object of this name; where there is none, the one of this Lambda name. Raises CliError.

    A function's Lambda name is its spec.functionName; a version's and an alias's is FUNCTION:QUALIFIER.
    """
    try:
        return cluster.get(kind, name)
    except CliError as error:
        found = _by_lambda_name(cluster, kind, name) if error.status is Exit.NOT_FOUND else None
        if found is None:
            raise
        return found


def find_alias(cluster: Cluster, function: str, alias: str) -> Object | None:
    """The alias of a function; both by name, the function by its object's."""
    return _holder(each for each in cluster.list(_ALIAS) if _qualifies(each, function, "name", alias))


def find_version(cluster: Cluster, function: str, number: str) -> Object | None:
    """A published version of a function, which is called by its object's name."""
    versions = cluster.list(BY_KIND["FunctionVersion"])
    return _holder(each for each in versions if _qualifies(each, function, "version", number))


def find_qualified(cluster: Cluster, name: str) -> tuple[Kind, Object]:
    """What NAME or NAME:QUALIFIER means: a function, one of its versions, or one of its aliases. Raises CliError."""
    function, _, qualifier = name.partition(":")
    if qualifier in {"", LATEST}:
        return _FUNCTION, find(cluster, _FUNCTION, function)
    kind = BY_KIND["FunctionVersion"] if qualifier.isdecimal() else _ALIAS
    return kind, find(cluster, kind, name)


def lambda_name(function: Object) -> str:
    """A function's name in the Lambda API."""
    return str(function.get("spec", {}).get("functionName") or function["metadata"]["name"])


def versions_of(alias: Object) -> frozenset[str]:
    """The versions that an alias leads to."""
    spec = alias["spec"]
    weights = (spec.get("routingConfig") or {}).get("additionalVersionWeights") or {}
    return frozenset({str(spec["version"]), *weights})


def _by_lambda_name(cluster: Cluster, kind: Kind, name: str) -> Object | None:
    if kind is _FUNCTION:
        return _holder(each for each in cluster.list(kind) if lambda_name(each) == name)
    function, colon, qualifier = name.partition(":")
    if not (colon and function and qualifier):
        return None
    owner = find(cluster, _FUNCTION, function)["metadata"]["name"]
    field = "name" if kind is _ALIAS else "version"
    return _holder(each for each in cluster.list(kind) if _qualifies(each, owner, field, qualifier))


def _qualifies(each: Object, function: str, field: str, qualifier: str) -> bool:
    spec = each.get("spec", {})
    return bool(spec.get("function") == function and spec.get(field) == qualifier)


def _holder(found: Iterable[Object]) -> Object | None:
    """Of several of one name the older has it."""
    return min(found, key=_age, default=None)


def _age(each: Object) -> tuple[str, str]:
    return (each["metadata"].get("creationTimestamp", ""), each["metadata"]["name"])
