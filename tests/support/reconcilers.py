"""The operator's loop in a test's own event loop: on a real API server, with a clock and verbs that a test changes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

from funclet.kube.clock import timestamp
from funclet.kube.port import KubePort
from funclet.plan.images import resolved_runtimes
from funclet.plan.revision import Platform
from funclet.reconcile.children import ChildrenKeeper, Creator
from funclet.reconcile.loop import Reconciler
from funclet.reconcile.named_code import NamedCode
from funclet.reconcile.queue import KeyQueue
from support.rendering import cluster


class Port(KubePort, Creator, Protocol):
    """What the loop and its children are made through."""


def reconciler(kube: Port, *, now: Callable[[], str] = timestamp, **more: Any) -> Reconciler:
    """A loop as the operator has it, that is quick to try again."""
    about = cluster()
    return Reconciler(
        kube,
        Platform(None, about.config.region, resolved_runtimes(about.config)),
        NamedCode(),
        children=ChildrenKeeper(kube, about),
        queue=KeyQueue(first_retry=0.01, longest_retry=0.1),
        now=now,
        **more,
    )


@asynccontextmanager
async def at_work(loop: Reconciler, *, watching: bool = True) -> AsyncIterator[Reconciler]:
    """Run it until the end of the block."""
    task = asyncio.create_task(loop.run(watching=watching))
    try:
        yield loop
    finally:
        loop.stop()
        await task
