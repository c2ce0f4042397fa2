"""Who watches the local store: each watcher gets every change, in the order in which they were made."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

from funclet.kube.port import Change, ExpiredError

#: changes that a watcher may be behind
BACKLOG = 100_000


class Watchers:
    """All watches of a store."""

    def __init__(self) -> None:
        self._queues: dict[asyncio.Queue[Change | None], frozenset[str]] = {}

    async def watch(
        self, kinds: frozenset[str], existing: Callable[[], Iterable[Change]]
    ) -> AsyncIterator[Change]:
        """Give what exists, SYNCED, then what changes. Raises ExpiredError for a watcher that is too slow."""
        queue: asyncio.Queue[Change | None] = asyncio.Queue()
        self._queues[queue] = kinds
        snapshot = list(existing())
        try:
            for change in snapshot:
                yield change
            yield Change("SYNCED", None, None)
            while (change_or_end := await queue.get()) is not None:
                yield change_or_end
            raise ExpiredError("too many changes were waiting to be read; list again")
        finally:
            self._queues.pop(queue, None)

    def tell(self, change: Change) -> None:
        """Pass a change on."""
        if change.key is None:
            return
        for queue, kinds in list(self._queues.items()):
            if change.key.kind not in kinds:
                continue
            if queue.qsize() >= BACKLOG:
                del self._queues[queue]
                queue.put_nowait(None)
            else:
                queue.put_nowait(change)
