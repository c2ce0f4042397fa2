"""The few things that Funclet asks of a Kubernetes API, real or in this process."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from funclet.plan.plan import Event, Key

Object = dict[str, Any]


class KubeError(Exception):
    """An answer that is not the one wanted; `status` is HTTP's, `reason` is metav1.Status's."""

    status = 500
    reason = "InternalError"

    def __init__(self, message: str, *, causes: tuple[tuple[str, str], ...] = ()) -> None:
        """`causes`: pairs of field path and what is wrong with it."""
        super().__init__(message)
        self.causes = causes


class NotFoundError(KubeError):
    """There is no such object."""

    status, reason = 404, "NotFound"


class ConflictError(KubeError):
    """The object changed, exists already, or has another uid."""

    status, reason = 409, "Conflict"


class InvalidError(KubeError):
    """The object breaks a rule of its kind; every broken one is among `causes`."""

    status, reason = 422, "Invalid"


class ExpiredError(KubeError):
    """A watch that fell behind, or asks for what is forgotten: list again and start over."""

    status, reason = 410, "Expired"


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a watch; objects that exist when it begins come first, as ADDED, then one SYNCED."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "SYNCED"]
    key: Key | None
    object: Object | None


class KubePort(Protocol):
    """Objects are plain JSON as in a manifest; the returned ones must not be changed."""

    async def get(self, key: Key) -> Object:
        """The object. Raises NotFoundError."""
        ...

    async def list(self, kind: str, namespace: str | None = None) -> list[Object]:
        """All objects of the kind, by namespace and name."""
        ...

    async def apply(self, manifest: Mapping[str, Any], *, manager: str) -> Object:
        """Server-side apply, forced: makes the object or changes what differs; status is left alone.

        Raises InvalidError (bounds, CEL rules, immutable fields), ConflictError (uid given and another).
        """
        ...

    async def patch_status(self, key: Key, status: Mapping[str, Any], *, manager: str) -> Object:
        """Make all that this manager says of the status be this; what others said stays. Raises NotFoundError."""
        ...

    async def delete(self, key: Key, *, uid: str | None = None) -> None:
        """Delete the object and what it owns. Raises NotFoundError, ConflictError (another uid)."""
        ...

    def watch(self, *kinds: str) -> AsyncIterator[Change]:
        """Changes of these kinds, in order, without end; close the iterator to stop."""
        ...

    async def record(self, key: Key, event: Event) -> None:
        """Record an Event about the object."""
        ...
