"""A process that ends in the middle of its work: at its n-th write, before it is done or after."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any, TypeVar

from funclet.kube.client import ClusterKube
from funclet.kube.port import Change, KubeError, Object
from funclet.plan.plan import Event, Key

T = TypeVar("T")


class DyingKube:
    """Passes on everything until the `last` write; from then on there is nobody who could write or read."""

    def __init__(self, inner: ClusterKube, last: int | None, *, after: bool) -> None:
        """`last` counts from 1, None: it never dies; `after`: the last write is done, and never heard of."""
        self._inner = inner
        self._last = last
        self._after = after
        self.writes: list[str] = []
        self.dead = asyncio.Event()

    async def get(self, key: Key) -> Object:
        return await self._inner.get(key)

    async def list(self, kind: str, namespace: str | None = None) -> list[Object]:
        return await self._inner.list(kind, namespace)

    def watch(self, *kinds: str) -> AsyncIterator[Change]:
        return self._inner.watch(*kinds)

    async def apply(self, manifest: Mapping[str, Any], *, manager: str) -> Object:
        return await self._write(f"apply {manifest['kind']}", self._inner.apply(manifest, manager=manager))

    async def create(self, manifest: Mapping[str, Any], *, manager: str) -> Object:
        return await self._write(f"create {manifest['kind']}", self._inner.create(manifest, manager=manager))

    async def patch_status(self, key: Key, status: Mapping[str, Any], *, manager: str) -> Object:
        return await self._write(f"status {key.kind}", self._inner.patch_status(key, status, manager=manager))

    async def delete(self, key: Key, *, uid: str | None = None) -> None:
        await self._write(f"delete {key.kind}", self._inner.delete(key, uid=uid))

    async def record(self, key: Key, event: Event) -> None:
        if not self.dead.is_set():
            await self._inner.record(key, event)

    async def _write(self, what: str, write: Awaitable[T]) -> T:
        dies = self._last is not None and len(self.writes) + 1 >= self._last
        self.writes.append(what)
        if not dies or (self._after and not self.dead.is_set()):
            try:
                answer = await write
            finally:
                if dies:
                    self.dead.set()
            if not dies:
                return answer
        else:
            self.dead.set()
            write.close()  # type: ignore[attr-defined]  # it is a coroutine
        raise KubeError("the process has ended")
