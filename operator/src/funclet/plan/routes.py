"""Which revision a name and a qualifier mean: the table that the data path looks up."""

from collections.abc import Mapping
from dataclasses import dataclass

from funclet.plan.revision import Revision

LATEST = "$LATEST"


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Why a version cannot run here: a named reason and a sentence."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class AliasRoute:
    """An alias: its version, and at most one other with its share (0 to 1)."""

    version: str
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class FunctionRoute:
    """All that an invocation needs to know of one function."""

    namespace: str
    #: metadata.name of the Function; `name` is the Lambda name
    function: str
    name: str
    #: without qualifier
    arn: str
    #: invocations that may run at once over all versions; None: no cap
    reserved: int | None
    per_instance: int
    #: seconds after which an idle instance ends; and how many always stay
    idle: float
    min_instances: int
    #: "$LATEST" and every published number
    versions: Mapping[str, Revision | Unavailable]
    aliases: Mapping[str, AliasRoute]
    #: what $LATEST means until its own revision takes over; None: its own serves
    serving: Revision | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What one invocation runs."""

    route: FunctionRoute
    revision: Revision
    #: for X-Amz-Executed-Version
    executed_version: str
    #: with the qualifier that the caller used; Lambda-Runtime-Invoked-Function-Arn
    invoked_arn: str


class UnknownQualifierError(LookupError):
    """No such version or alias; `arn` is the qualified ARN that was asked for."""

    def __init__(self, arn: str) -> None:
        super().__init__(arn)
        self.arn = arn


class UnavailableError(Exception):
    """The version exists and cannot run here."""

    def __init__(self, unavailable: Unavailable) -> None:
        super().__init__(unavailable.message)
        self.unavailable = unavailable


def resolve(route: FunctionRoute, qualifier: str | None, draw: float) -> Target:
    """Find the target of a call with this qualifier; `draw` is uniform in [0, 1) and used once.

    Raises UnknownQualifierError, UnavailableError.
    """
    invoked_arn = route.arn if qualifier is None else f"{route.arn}:{qualifier}"
    version = _version(route, qualifier or LATEST, draw)
    found = route.versions.get(version)
    if found is None:
        raise UnknownQualifierError(invoked_arn)
    if isinstance(found, Unavailable):
        raise UnavailableError(found)
    return Target(route, found, version, invoked_arn)


def _version(route: FunctionRoute, qualifier: str, draw: float) -> str:
    alias = route.aliases.get(qualifier)
    if alias is None:
        return qualifier
    for version, weight in alias.weights.items():
        if draw < weight:
            return version
        draw -= weight
    return alias.version
