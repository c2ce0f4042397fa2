"""What planners are told of the world: values, read from the store, the code source and the gateway."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from funclet.api.alias import Alias
from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.plan.refusals import Refusals
from funclet.plan.routes import Unavailable


@dataclass(frozen=True, slots=True)
class CodeState:
    """Code that is here and whole; `sha256` is the archive's, in hex."""

    sha256: str


@dataclass(frozen=True, slots=True)
class RevisionState:
    """What the gateway knows of one revision.

    `instances` counts those starting too, `ready` those that have asked for an event. `failure` is set
    while the latest start failed, and says how.
    """

    instances: int = 0
    ready: int = 0
    failure: Unavailable | None = None


@dataclass(frozen=True, slots=True)
class FunctionObserved:
    """The surroundings of a Function."""

    #: None: not known yet
    code: CodeState | Unavailable | None
    #: the FunctionVersions and Aliases that name it
    versions: tuple[FunctionVersion, ...] = ()
    aliases: tuple[Alias, ...] = ()
    #: other Functions of the same Lambda name
    rivals: tuple[Function, ...] = ()
    #: of all its revisions, by key
    revisions: Mapping[str, RevisionState] = field(default_factory=dict)
    #: what could not be written for it
    refused: Refusals = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VersionObserved:
    """The surroundings of a FunctionVersion."""

    function: Function | None
    code: CodeState | Unavailable | None
    #: other FunctionVersions of the same function and number
    rivals: tuple[FunctionVersion, ...] = ()
    revisions: Mapping[str, RevisionState] = field(default_factory=dict)
    #: what could not be written for it
    refused: Refusals = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AliasObserved:
    """The surroundings of an Alias."""

    function: Function | None
    #: the numbers of the function's versions
    versions: frozenset[str] = frozenset()
    #: other Aliases of the same function and name
    rivals: tuple[Alias, ...] = ()
