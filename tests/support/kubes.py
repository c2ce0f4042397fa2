"""A store whose verbs fail on demand, and waiting for what must come true."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from funclet.kube.port import Change, KubeError, KubePort, Object
from funclet.plan.plan import Event, Key

#: seconds after which a condition that never holds is a failure
DEADLINE = 10.0


async def until(holds: Callable[[], bool]) -> None:
    """Wait until the condition holds. Raises TimeoutError."""
    async with asyncio.timeout(DEADLINE):
        while not holds():  # noqa: ASYNC110 - a condition over many objects has no event
            await asyncio.sleep(0.002)


class FlakyKube:
    """Passes everything on, but the verb `failing` fails as often as `failures` says, before or after it is done."""

    def __init__(self, inner: KubePort, failing: str, *, failures: int = 1, after: bool = False) -> None:
        self.inner = inner
        self.failing = failing
        self.failures = failures
        self.after = after
        self.calls: list[str] = []

    async def get(self, key: Key) -> Object:
        self._called("get")
        return await self.inner.get(key)

    async def list(self, kind: str, namespace: str | None = None) -> list[Object]:
        self._called("list")
        return await self.inner.list(kind, namespace)

    async def apply(self, manifest: Mapping[str, Any], *, manager: str) -> Object:
        verb = f"apply {manifest['kind']}"
        if not self.after:
            self._called(verb)
        answer = await self.inner.apply(manifest, manager=manager)
        if self.after:
            self._called(verb)
        return answer

    async def patch_status(self, key: Key, status: Mapping[str, Any], *, manager: str) -> Object:
        verb = f"patch_status {key.kind}"
        if not self.after:
            self._called(verb)
        answer = await self.inner.patch_status(key, status, manager=manager)
        if self.after:
            self._called(verb)
        return answer

    async def delete(self, key: Key, *, uid: str | None = None) -> None:
        verb = f"delete {key.kind}"
        if not self.after:
            self._called(verb)
        await self.inner.delete(key, uid=uid)
        if self.after:
            self._called(verb)

    async def watch(self, *kinds: str) -> AsyncIterator[Change]:
        self._called("watch")
        seen = 0
        async for change in self.inner.watch(*kinds):
            yield change
            seen += 1
            if self.failing == "watch half-way" and seen > 1:
                self._called("watch half-way")

    async def record(self, key: Key, event: Event) -> None:
        self._called("record")
        await self.inner.record(key, event)

    def _called(self, verb: str) -> None:
        self.calls.append(verb)
        if verb == self.failing and self.failures > 0:
            self.failures -= 1
            raise KubeError(f"{verb} failed on purpose")
