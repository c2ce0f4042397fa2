"""A function's slots in a world of lists: what is asked is noted, what happens is told by the test."""

import asyncio

from funclet.gateway.failure import Failure
from funclet.gateway.pool import Place, Pool, Waiter
from funclet.gateway.ports import Instance, UnixAddress
from funclet.gateway.settings import SlotLimits
from funclet.gateway.slots import FunctionSlots
from funclet.gateway.upstream import Link
from funclet.plan.revision import Revision


class SlotsWorld:
    """Slots with their actions and a clock that stands still."""

    def __init__(self, *, starts: int = 8, instances: int = 1000, waiters: int = 20_000) -> None:
        self.now = 1000.0
        self.loop = asyncio.new_event_loop()
        self.loop.close()
        self.pending: list[Pool] = []
        self.ended: list[Place] = []
        self.given: list[Place | Failure | None] = []
        self.changes: list[str] = []
        limits = SlotLimits(starts=starts, instances=instances, waiters=waiters)
        self.slots = FunctionSlots(limits, self, clock=lambda: self.now, jitter=lambda: 0.5)
        self.made = 0

    # -- Actions

    def start(self, slots: FunctionSlots, pool: Pool) -> None:
        """Note a start."""
        assert slots is self.slots
        self.pending.append(pool)

    def end(self, place: Place) -> None:
        """Note an end."""
        assert not place.fit
        if place not in self.ended:
            self.ended.append(place)

    def changed(self, slots: FunctionSlots, revision: Revision) -> None:
        """Note a change."""
        assert slots is self.slots
        self.changes.append(revision.key)

    # -- what a test does

    @property
    def starting(self) -> list[str]:
        """Keys of the revisions whose starts are under way."""
        return [pool.revision.key for pool in self.pending]

    def configure(
        self,
        *,
        reserved: int | None = None,
        idle: float = 300.0,
        minimum: int = 0,
        serving: Revision | None = None,
    ) -> None:
        """Set the function-level settings."""
        self.slots.configure(reserved=reserved, idle=idle, minimum=minimum, serving=serving)

    def deliver(self, given: Place | Failure | None) -> None:
        """Note what a waiter was given."""
        self.given.append(given)

    def acquire(self, revision: Revision) -> Place | Waiter:
        """Acquire for a call that notes what it is given."""
        return self.slots.acquire(revision, self.deliver)

    def finish_start(self, index: int = 0) -> Place:
        """Let a start that is under way succeed."""
        pool = self.pending.pop(index)
        self.made += 1
        ended: asyncio.Future[str] = asyncio.Future(loop=self.loop)
        instance = Instance(f"i{self.made}", pool.revision, UnixAddress("/nowhere"), ended)
        place = Place(Link(instance), pool, now=self.now, start_time=0.1)
        self.slots.started(pool, place)
        return place

    def adopt(self, revision: Revision) -> Place:
        """Let an instance come that nobody asked for."""
        self.made += 1
        ended: asyncio.Future[str] = asyncio.Future(loop=self.loop)
        instance = Instance(f"i{self.made}", revision, UnixAddress("/nowhere"), ended)
        place = Place(Link(instance), self.slots.pool(revision), now=self.now, start_time=0.1)
        self.slots.adopted(place)
        return place

    def fail_start(self, key: str, failure: Failure) -> None:
        """Let all starts of a revision that are under way fail."""
        failing = [pool for pool in self.pending if pool.revision.key == key]
        self.pending = [pool for pool in self.pending if pool.revision.key != key]
        for pool in failing:
            self.slots.start_failed(pool, failure)

    def busy(self, revision: Revision) -> Place:
        """Make a new instance that runs a call."""
        self.acquire(revision)
        place = self.finish_start(len(self.pending) - 1)
        assert self.given.pop() is place
        return place

    def idle(self, revision: Revision) -> Place:
        """Make a new idle instance, above those that are there."""
        held = [self.take(revision) for _ in range(self._idle_count(revision))]
        place = self.busy(revision)
        for other in reversed(held):
            self.slots.release(other)
        self.slots.release(place)
        return place

    def take(self, revision: Revision) -> Place:
        """Take an idle instance that must be there."""
        place = self.acquire(revision)
        assert isinstance(place, Place)
        return place

    def _idle_count(self, revision: Revision) -> int:
        pool = self.slots.pools.get(revision.key)
        return 0 if pool is None else len(pool.idle)
