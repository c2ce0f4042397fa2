"""Does what the slots decide: makes instances, ends them, and watches how they come and go."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from funclet.gateway.ask import is_ready
from funclet.gateway.failure import Failure, StartFailedError
from funclet.gateway.pool import Place, Pool
from funclet.gateway.ports import Instance, Starter, StartError
from funclet.gateway.proof import Prover
from funclet.gateway.slots import FunctionSlots
from funclet.gateway.upstream import Link
from funclet.plan.revision import Revision

_log = structlog.get_logger(__name__)
#: seconds between two looks at an instance that is not ready yet: first, and longest
_FIRST_LOOK = 0.02
_LONGEST_LOOK = 0.25
#: seconds beyond the init limit after which an instance that runs no call will not become ready
_GRACE = 2.0


class Fleet:
    """All instances of a gateway; `on_change` is called with a function's slots and a revision."""

    def __init__(
        self,
        starter: Starter,
        *,
        init_seconds: float,
        on_change: Callable[[FunctionSlots, Revision], None],
        prover: Prover | None = None,
    ) -> None:
        self._starter = starter
        self._prover = prover
        self._init_seconds = init_seconds
        self._on_change = on_change
        self._tasks: set[asyncio.Task[None]] = set()
        self._watches: set[asyncio.Task[None]] = set()
        self._ending: set[str] = set()
        self._closed = False

    def start(self, slots: FunctionSlots, pool: Pool) -> None:
        """Begin to make an instance."""
        self._spawn(self._start(slots, pool), self._tasks)

    def end(self, place: Place) -> None:
        """Begin to end an instance; a second time changes nothing."""
        instance = place.link.instance
        place.link.close()
        if instance.id not in self._ending:
            self._ending.add(instance.id)
            self._spawn(self._stop(instance), self._tasks)

    def changed(self, slots: FunctionSlots, revision: Revision) -> None:
        """Pass on that a revision's state is another."""
        self._on_change(slots, revision)

    async def close(self, *, keep: bool = False) -> None:
        """Wait until all that was begun is over; instances that still come up are ended.

        With `keep`, all is left as it is, to whoever looks after the instances from now on.
        """
        self._closed = True
        for task in (*self._watches, *(self._tasks if keep else ())):
            task.cancel()
        while self._tasks or self._watches:
            await asyncio.wait(self._tasks | self._watches)

    @staticmethod
    def _spawn(coroutine: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _start(self, slots: FunctionSlots, pool: Pool) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            instance = await self._starter.start(pool.revision)
        except StartError as error:
            slots.start_failed(pool, Failure(error.reason, str(error)))
        except Exception:  # noqa: BLE001 - a fault of the starter must not leave a start under way for ever
            _log.exception("starter failed", revision=pool.revision.key)
            slots.start_failed(
                pool, Failure("StartFailed", "The instance could not be made; see the gateway's log.")
            )
        else:
            place = self._place(instance, slots, pool, start_time=loop.time() - begun)
            if self._closed:
                self.end(place)
            slots.started(pool, place)
            self._look_after(slots, place)

    def adopt(self, slots: FunctionSlots, instance: Instance) -> None:
        """Take in an instance that nobody asked for."""
        pool = slots.pool(instance.revision)
        place = self._place(instance, slots, pool, start_time=pool.start_time)
        slots.adopted(place)
        self._look_after(slots, place)

    def _place(self, instance: Instance, slots: FunctionSlots, pool: Pool, *, start_time: float) -> Place:
        trust = (self._prover, instance.pod_uid or "") if self._prover is not None else None
        now = asyncio.get_running_loop().time()
        place = Place(Link(instance, trust), pool, now=now, start_time=start_time)
        instance.ended.add_done_callback(lambda ended: slots.lost(place, _gone(ended)))
        return place

    def _look_after(self, slots: FunctionSlots, place: Place) -> None:
        if place.link.instance.ready:
            slots.prove(place)
        elif not self._closed:
            self._spawn(self._watch(slots, place), self._watches)

    async def _stop(self, instance: Instance) -> None:
        try:
            await self._starter.stop(instance)
        except Exception:  # noqa: BLE001 - as above: what is ending must come to an end
            _log.exception("starter failed to stop", instance=instance.id)
        self._ending.discard(instance.id)

    async def _watch(self, slots: FunctionSlots, place: Place) -> None:
        """Wait until an instance came through init; one that runs a call mostly says so sooner by its answer."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        limit = begun + self._init_seconds + _GRACE
        pause = _FIRST_LOOK
        if place.busy:
            pause = _LONGEST_LOOK
            await asyncio.sleep(pause)
        instance = place.link.instance
        while place.fit and not place.proven and not self._closed:
            failure = None
            try:
                if await is_ready(instance.address, instance.revision.key, place.link.trust):
                    slots.prove(place, init=loop.time() - begun)
                    return
            except StartFailedError as error:
                failure = error.failure
            if failure is None and loop.time() >= limit:
                failure = Failure("NotReady", "The instance did not become ready in time.")
            # A busy one's call is told by the instance itself.
            if failure is not None and not place.busy and not place.proven:
                slots.lost(place, failure)
                self.end(place)
            else:
                await asyncio.sleep(pause)
                pause = min(_LONGEST_LOOK, pause * 1.5)


def _gone(ended: asyncio.Future[str]) -> Failure:
    how = "The instance ended." if ended.cancelled() or ended.exception() else ended.result()
    return Failure("InstanceEnded", how)
