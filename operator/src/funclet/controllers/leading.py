"""A cluster port that writes only while this process holds the Lease."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from funclet.kube.cluster_port import ClusterPort, UnreachableError
from funclet.kube.connection import before_again
from funclet.kube.leadership import Leadership
from funclet.kube.port import Change, Object
from funclet.plan.plan import Event, Key

#: seconds since the last renewal within which a write is begun: well before another may hold the Lease
FRESH = 10.0


class NotLeadingError(UnreachableError):
    """Another operator leads, or nobody knows who does; the write is tried again later."""

    status, reason = 503, "NotLeading"


class LeadersKube:
    """What the reconcile loop asks for; reading is always allowed."""

    def __init__(self, kube: ClusterPort, leadership: Leadership) -> None:
        self._kube = kube
        self._leadership = leadership

    async def get(self, key: Key) -> Object:
        """See KubePort."""
        return await self._kube.get(key)

    async def list(self, kind: str, namespace: str | None = None) -> list[Object]:
        """See KubePort."""
        return await self._kube.list(kind, namespace)

    def watch(self, *kinds: str) -> AsyncIterator[Change]:
        """See KubePort."""
        return self._kube.watch(*kinds)

    async def apply(self, manifest: Mapping[str, Any], *, manager: str) -> Object:
        """See KubePort. Raises NotLeadingError."""
        with self._leading():
            return await self._kube.apply(manifest, manager=manager)

    async def create(self, manifest: Mapping[str, Any], *, manager: str) -> Object:
        """See ClusterPort. Raises NotLeadingError."""
        with self._leading():
            return await self._kube.create(manifest, manager=manager)

    async def patch_status(self, key: Key, status: Mapping[str, Any], *, manager: str) -> Object:
        """See KubePort. Raises NotLeadingError."""
        with self._leading():
            return await self._kube.patch_status(key, status, manager=manager)

    async def delete(self, key: Key, *, uid: str | None = None) -> None:
        """See KubePort. Raises NotLeadingError."""
        with self._leading():
            await self._kube.delete(key, uid=uid)

    async def record(self, key: Key, event: Event) -> None:
        """See KubePort. Raises NotLeadingError."""
        with self._leading():
            await self._kube.record(key, event)

    @contextmanager
    def _leading(self) -> Iterator[None]:
        """Begin a write as the leader, who must be it still where the write is sent again."""
        self._check()
        token = before_again.set(self._check)
        try:
            yield
        finally:
            before_again.reset(token)

    def _check(self) -> None:
        if not self._leadership.holds(FRESH):
            raise NotLeadingError("this operator does not hold the Lease")
