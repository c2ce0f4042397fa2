"""What a real cluster offers beyond KubePort: scale, wishes, leases, and who may do what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from funclet.kube.port import KubeError, KubePort, Object
from funclet.plan.plan import Key


class ForbiddenError(KubeError):
    """The API server refuses: a right is missing, or a quota is used up."""

    status, reason = 403, "Forbidden"


class UnreachableError(KubeError):
    """No answer from the API server, or one that says that it cannot answer now."""

    status, reason = 503, "ServiceUnavailable"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a token stands for, as TokenReview tells it."""

    name: str
    uid: str
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] | None = None

    @property
    def namespace(self) -> str | None:
        """The namespace of a ServiceAccount; None for anybody else."""
        parts = self.name.split(":")
        return parts[2] if len(parts) == 4 and parts[:2] == ["system", "serviceaccount"] else None  # noqa: PLR2004 - system:serviceaccount:NAMESPACE:NAME


class ClusterPort(KubePort, Protocol):
    """The API server; every method raises UnreachableError when there is no answer, ForbiddenError on 403."""

    async def create(self, manifest: Mapping[str, Any], *, manager: str) -> Object:
        """Make an object. Raises ConflictError where one of its name exists, InvalidError."""
        ...

    async def scale(self, key: Key, replicas: int, *, manager: str) -> None:
        """Set `spec.replicas` through the scale subresource. Raises NotFoundError."""
        ...

    async def want(self, key: Key, wanted: Mapping[str, str | None], *, manager: str) -> None:
        """Set these keys of `status.wanted`, None removes one; all else of the status is left alone.

        Raises NotFoundError.
        """
        ...

    async def review_token(self, token: str, audiences: tuple[str, ...]) -> Caller | None:
        """Tell whom a bearer token stands for (TokenReview); None: nobody."""
        ...

    async def may(self, caller: Caller, *, verb: str, resource: str, namespace: str, name: str) -> bool:
        """Tell whether a caller may do this to an object of group funclet.dev (SubjectAccessReview).

        `resource` may name a subresource, as `functions/invoke`.
        """
        ...
