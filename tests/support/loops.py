"""The loop over the local store."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from funclet.kube.port import KubePort
from funclet.local.kube.store import LocalKube
from funclet.plan import reasons
from funclet.plan.observed import RevisionState
from funclet.plan.plan import Key
from funclet.reconcile.loop import Reconciler
from funclet.reconcile.queue import KeyQueue
from funclet.reconcile.sources import BlobCode
from funclet.store.blobs import DirectoryBlobs
from support.kubes import until
from support.objects import PLATFORM

GREET = Key("Function", "default", "greet")


class Instances:
    """What the gateway would tell."""

    def __init__(self) -> None:
        self.states: dict[str, RevisionState] = {}

    def revisions(self, namespace: str, function: str) -> Mapping[str, RevisionState]:
        assert (namespace, function) == ("default", "greet")
        return self.states


@asynccontextmanager
async def running(
    kube: KubePort, tmp_path: Path, instances: Instances | None = None, **more: Any
) -> AsyncIterator[Reconciler]:
    """A reconciler at work on the store."""
    reconciler = Reconciler(
        kube,
        PLATFORM,
        BlobCode(DirectoryBlobs(tmp_path / "blobs")),
        instances or Instances(),
        queue=KeyQueue(first_retry=0.001, longest_retry=0.01),
        **more,
    )
    task = asyncio.create_task(reconciler.run())
    try:
        yield reconciler
    finally:
        reconciler.stop()
        await task


def ready(kube: LocalKube, key: Key) -> str | None:
    """Reason of the Ready condition of an object, if it has been decided."""
    try:
        status = kube.table.live(key).object.get("status", {})
    except LookupError:
        return None
    return next((each["reason"] for each in status.get("conditions", ()) if each["type"] == "Ready"), None)


async def settled(kube: LocalKube, reconciler: Reconciler, *keys: Key) -> None:
    """Wait until nothing is left to do and the objects are Ready."""
    await until(lambda: reconciler.idle and all(ready(kube, key) == reasons.READY for key in keys))
