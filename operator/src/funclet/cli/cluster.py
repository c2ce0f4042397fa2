"""The objects of a cluster, or of local mode, as the verbs see them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from funclet.local.rest.kinds import Kind

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply did; `object` is how it is now."""

    verb: Literal["created", "configured", "unchanged"]
    object: Object


class Cluster(Protocol):
    """All that the verbs ask for; every method raises CliError, with what to do next."""

    #: where objects are that do not say so themselves
    namespace: str
    #: whether it keeps code that lies on this machine
    keeps_code: bool

    def list(self, kind: Kind) -> list[Object]:
        """All objects of the kind in the namespace."""
        ...

    def get(self, kind: Kind, name: str) -> Object:
        """One object."""
        ...

    def apply(self, manifest: Mapping[str, Any], *, manager: str) -> Applied:
        """Server-side apply."""
        ...

    def patch(self, kind: Kind, name: str, patch: Mapping[str, Any], *, manager: str) -> Object:
        """JSON merge patch; gives how the object is now."""
        ...

    def delete(self, kind: Kind, name: str, *, namespace: str) -> None:
        """Delete one object."""
        ...

    def watch(self, kind: Kind, name: str, *, seconds: float) -> Iterator[Object]:
        """The object as it is and each time it changes, for so many seconds at most."""
        ...

    def logs(
        self, function: str, *, versions: frozenset[str], tail: int | None, follow: bool
    ) -> Iterator[bytes]:
        """Lines of a function's log, with their ends; of these versions, or of all where none is named."""
        ...

    def events(self, kind: Kind, name: str) -> Sequence[Object]:
        """The latest Events about an object, the oldest first."""
        ...

    def upload(self, sha256: str, archive: bytes) -> None:
        """Make the archive known under its SHA-256 (hex)."""
        ...
