"""Who runs where: the instances of one function, its waiters, and its reserved concurrency.

Synchronous and without I/O: what is to be done goes out through Actions, what happened comes in by methods.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Protocol

from funclet.gateway.failure import MOVED, Failure, StartFailedError
from funclet.gateway.pool import Deliver, Place, Pool, RevisionState, Waiter
from funclet.gateway.settings import SlotLimits
from funclet.lambda_api.errors import LambdaApiError, throttled
from funclet.plan.revision import Revision
from funclet.scaling.backoff import NONE, after_failure
from funclet.scaling.decision import Bounds, Decision, Load, decide


class Actions(Protocol):
    """What the slots ask of the world; none of it may call back from within."""

    def start(self, slots: "FunctionSlots", pool: Pool) -> None:
        """Make an instance; then call `started` or `start_failed`."""
        ...

    def end(self, place: Place) -> None:
        """End an instance by drain."""
        ...

    def changed(self, slots: "FunctionSlots", revision: Revision) -> None:
        """Take note that a revision's state is another."""
        ...


class FunctionSlots:
    """All instances and waiters of one function, over all its revisions.

    With reserved concurrency, running and waiting calls together never exceed it, nor do running ones together with
    those that another gateway may have left in instances which are not held here.
    """

    def __init__(
        self, limits: SlotLimits, actions: Actions, *, clock: Callable[[], float], jitter: Callable[[], float]
    ) -> None:
        self._limits = limits
        self._actions = actions
        self._clock = clock
        self._jitter = jitter
        self._reserved: int | None = None
        self._idle = 300.0
        self._minimum = 0
        self._serving: Revision | None = None
        self.pools: dict[str, Pool] = {}
        self.running = 0
        self.waiting = 0
        #: instances that are not held here, and may still run a call of the gateway that was home before
        self.lingering = 0
        self._filling = False

    # -- what the routes say

    def configure(self, *, reserved: int | None, idle: float, minimum: int, serving: Revision | None) -> None:
        """Take the function-level settings; `serving` is the revision that $LATEST means."""
        self._reserved, self._idle, self._minimum, self._serving = reserved, idle, minimum, serving
        if self.waiting:
            self._serve()
            self._fill()

    def keep(self, keys: set[str], preparing: str | None = None) -> None:
        """Retire all revisions but these: what is idle ends now, what runs or waits is finished first."""
        for key, pool in list(self.pools.items()):
            pool.retired = key not in keys
            pool.preparing = key == preparing
            if pool.retired:
                self._end_idle(pool)
                self._forget(pool)

    def prepare(self, revision: Revision) -> None:
        """See that there is an instance of a revision that is to take over, even one beyond the cap."""
        pool = self.pool(revision)
        pool.preparing = True
        self._fill(floors=True)

    # -- calls

    def acquire(self, revision: Revision, deliver: Deliver) -> Place | Waiter:
        """Take an idle instance, or a place in the queue.

        Raises LambdaApiError when over a limit, StartFailedError while the revision does not come up.
        """
        if self._reserved is not None and self.running + self.waiting >= self._reserved:
            raise LambdaApiError(throttled("ReservedFunctionConcurrentInvocationLimitExceeded"))
        pool = self.pools.get(revision.key) or self.pool(revision)
        if pool.idle and self._may_run(1):
            return self._take(pool)
        now = self._clock()
        if pool.failure is not None and pool.backoff.holds(now) and not pool.has_hope():
            raise StartFailedError(pool.failure)
        if self.waiting >= self._limits.waiters:
            raise LambdaApiError(throttled("ConcurrentInvocationLimitExceeded"))
        waiter = Waiter(pool, now + self._limits.wait, deliver)
        pool.join(waiter)
        self.waiting += 1
        self._fill()
        return waiter

    def release(self, place: Place) -> None:
        """Give a place back after its call; the next waiter gets it, the first come first."""
        place.pool.observe_call(self._clock() - place.since)
        self.vacate(place)

    def vacate(self, place: Place) -> None:
        """Give a place back that ran no call of ours."""
        pool, now = place.pool, self._clock()
        if not place.fit:
            self.discard(place)
            return
        if pool.waiters and self._may_run(0):
            self._hand_over(place, now)
            return
        self._set_idle(place, now)
        if pool.retired:
            self._end_idle(pool)
            self._forget(pool)
        elif self.waiting:
            self._fill()

    def discard(self, place: Place) -> None:
        """Give a busy place back for good: its instance ends."""
        place.fit = False
        self._actions.end(place)
        self._drop(place)

    def retry(self, place: Place, deliver: Deliver, *, keep: bool = False) -> Place | Waiter:
        """Exchange a place that took no call for another, or for the front of the queue, whatever the caps say.

        The place is discarded, unless `keep` says that it is busy with a call that is not ours: it stays busy
        until it is given back by `vacate`. Raises StartFailedError while the revision does not come up.
        """
        pool, now = place.pool, self._clock()
        if pool.idle and self._may_run(int(keep)):
            taken = self._take(pool)
            if not keep:
                self.discard(place)
            return taken
        if not keep and pool.failure is not None and pool.backoff.holds(now) and not pool.has_hope(but=place):
            self.discard(place)
            raise StartFailedError(pool.failure)
        waiter = Waiter(pool, now + self._limits.wait, deliver, again=True)
        pool.join(waiter)
        self.waiting += 1
        if keep:
            self._fill()
        else:
            self.discard(place)
        return waiter

    def abandon(self, waiter: Waiter) -> None:
        """Leave the queue."""
        del waiter.pool.waiters[waiter]
        self.waiting -= 1
        self._forget(waiter.pool)

    # -- instances

    def started(self, pool: Pool, place: Place) -> None:
        """Take in a new instance; it may get a call at once, init goes on meanwhile."""
        pool.starting -= 1
        pool.places.add(place)
        if pool.waiters and self._may_run(1):
            self.running += 1
            pool.busy += 1
            place.busy = True
            self._hand_over(place, self._clock())
        else:
            # Below all that is warm: it is given out only when nothing else is there.
            pool.idle.insert(0, place)
            if pool.retired:
                self._end_idle(pool)
        self._fill()
        self._forget(pool)
        self._actions.changed(self, pool.revision)

    def adopted(self, place: Place) -> None:
        """Take in an instance that nobody asked for: it was there before, or stands in for a lost one."""
        place.pool.starting += 1
        self.started(place.pool, place)

    def linger(self, count: int) -> None:
        """Take note how many instances that are not held here may still run a call."""
        fewer = count < self.lingering
        self.lingering = count
        if fewer and self.waiting:
            self._serve()
            self._fill()

    def leave(self, place: Place) -> None:
        """Give an instance no more calls, since it drains by itself; a busy one finishes its call."""
        if not place.fit:
            return
        place.fit = False
        if not place.busy:
            place.pool.idle.remove(place)
            place.link.close()
            self._drop(place)

    def surrender(self) -> None:
        """Let go of everything, since another gateway is the home now: waiters are sent there.

        What runs here is finished here; instances are left as they are.
        """
        for pool in list(self.pools.values()):
            pool.retired = True
            for place in pool.places:
                place.fit = False
                if not place.busy:
                    place.link.close()
            pool.places = {place for place in pool.places if place.busy}
            pool.idle.clear()
            self._send_home(pool)

    def start_failed(self, pool: Pool, failure: Failure) -> None:
        """Take note that no instance could be made."""
        pool.starting -= 1
        if failure.reason == MOVED.reason:
            # Nothing was tried: should the home come back, there is no reason to wait.
            self._send_home(pool)
        else:
            self._failed(pool, failure, in_init=False)

    def prove(self, place: Place, *, init: float = 0.0) -> None:
        """Take note that an instance came through init, which took `init` seconds of it."""
        if place.proven or place not in place.pool.places:
            return
        place.proven = True
        pool = place.pool
        pool.observe_start(place.start_time + init)
        pool.failure, pool.backoff = None, NONE
        self._actions.changed(self, pool.revision)

    def lost(self, place: Place, failure: Failure) -> None:
        """Take note that an instance is gone; a busy one's call ends by itself and gives it back.

        One that had taken a call is no failed start: what ended it may have been that call alone.
        """
        pool = place.pool
        if place not in pool.places:
            return
        place.fit = False
        if place.busy:
            return
        pool.idle.remove(place)
        self._drop(place)
        if not place.proven:
            self._failed(pool, failure, in_init=True)

    def init_failed(self, place: Place, failure: Failure) -> None:
        """Take note that a busy instance failed in init; its own call is told by who made it."""
        place.fit = False
        if not place.proven:
            self._failed(place.pool, failure, in_init=True)

    def sweep(self) -> None:
        """Do what is due: waiters out of time, idle instances, minimum instances."""
        now = self._clock()
        if self._serving is not None and self._minimum:
            self.pool(self._serving)
        for pool in list(self.pools.values()):
            self._expire_waiters(pool, now)
            if pool.failure is not None and pool.backoff.holds(now) and not pool.has_hope():
                self._send_away(pool, pool.failure)
            if pool.idle:
                for place in [pool.idle[index] for index in self._decide(pool, now).end]:
                    self._end(place)
            self._forget(pool)
        self._fill(floors=True)

    def close(self) -> None:
        """Send all waiters away."""
        for pool in list(self.pools.values()):
            self._expire_waiters(pool, float("inf"))

    @property
    def patience(self) -> float:
        """Seconds that a call may wait for an instance."""
        return self._limits.wait

    # -- views

    def live(self, key: str) -> bool:
        """Whether a revision has instances, starts or waiters."""
        pool = self.pools.get(key)
        return pool is not None and pool.alive

    def ready(self, key: str) -> bool:
        """Whether a revision has an instance that came through init."""
        pool = self.pools.get(key)
        return pool is not None and pool.proven > 0

    def failed(self, key: str) -> bool:
        """Whether the last start of a revision failed."""
        pool = self.pools.get(key)
        return pool is not None and pool.failure is not None

    def states(self) -> Iterator[tuple[str, RevisionState]]:
        """Each revision's key and state."""
        for key, pool in self.pools.items():
            yield (
                key,
                RevisionState(
                    live=len(pool.places),
                    ready=pool.proven,
                    starting=pool.starting,
                    waiting=len(pool.waiters),
                    serving=self._serves(pool),
                    failure=pool.failure,
                ),
            )

    def places(self) -> list[Place]:
        """All instances of the function."""
        return [place for pool in self.pools.values() for place in pool.places]

    # -- how

    def pool(self, revision: Revision) -> Pool:
        """The books of a revision, which begin now where there were none."""
        return self.pools.setdefault(revision.key, Pool(revision))

    def _may_run(self, more: int) -> bool:
        """Whether so many more calls may run; who waits has been admitted, whatever the cap says by now."""
        if not self.lingering or self._reserved is None:
            return True
        return self.running + more + self.lingering <= self._reserved

    def _serve(self) -> None:
        """Give idle instances to those who waited for the cap alone."""
        for pool in list(self.pools.values()):
            while pool.waiters and pool.idle and self._may_run(1):
                self._hand_over(self._take(pool), self._clock())

    def _take(self, pool: Pool) -> Place:
        place = pool.idle.pop()
        place.busy = True
        place.since = self._clock()
        pool.busy += 1
        self.running += 1
        return place

    def _hand_over(self, place: Place, now: float) -> None:
        """Give a place that counts as running to the first waiter."""
        waiter, _ = place.pool.waiters.popitem(last=False)
        self.waiting -= 1
        place.since = now
        waiter.deliver(place)

    def _send_home(self, pool: Pool) -> None:
        """Send those who wait to where the home is now."""
        self._send_away(pool, MOVED)
        self._forget(pool)

    def _send_away(self, pool: Pool, why: Failure) -> None:
        """Tell all who wait for a revision why they wait in vain."""
        waiters, pool.waiters = list(pool.waiters), OrderedDict()
        self.waiting -= len(waiters)
        for waiter in waiters:
            waiter.deliver(why)

    def _set_idle(self, place: Place, now: float) -> None:
        place.busy = False
        place.idle_since = now
        place.pool.busy -= 1
        self.running -= 1
        place.pool.idle.append(place)

    def _drop(self, place: Place) -> None:
        """Take an instance that is not idle out of the books."""
        pool = place.pool
        if place not in pool.places:
            return
        pool.places.remove(place)
        if place.busy:
            place.busy = False
            pool.busy -= 1
            self.running -= 1
        if self.waiting:
            self._fill()
        self._forget(pool)
        self._actions.changed(self, pool.revision)

    def _end(self, place: Place) -> None:
        """End an idle instance, unless making room for a waiter has ended it meanwhile."""
        if not place.fit:
            return
        place.fit = False
        place.pool.idle.remove(place)
        self._actions.end(place)
        self._drop(place)

    def _end_idle(self, pool: Pool) -> None:
        for place in list(pool.idle):
            self._end(place)

    def _forget(self, pool: Pool) -> None:
        if pool.retired and not pool.alive and self.pools.get(pool.revision.key) is pool:
            del self.pools[pool.revision.key]

    def _serves(self, pool: Pool) -> bool:
        return self._serving is not None and pool.revision.key == self._serving.key

    def _floor(self, pool: Pool) -> int:
        if pool.preparing:
            return 1
        if pool.retired or not self._serves(pool):
            return 0
        return self._minimum if self._reserved is None else min(self._minimum, self._reserved)

    def _expire_waiters(self, pool: Pool, now: float) -> None:
        # Retried calls stand in front with later deadlines, so the whole queue is looked through.
        for waiter in [waiter for waiter in pool.waiters if now >= waiter.deadline]:
            self.abandon(waiter)
            waiter.deliver(pool.failure)

    def _failed(self, pool: Pool, failure: Failure, *, in_init: bool) -> None:
        """Back off, and tell all waiters unless an instance may come free for them."""
        pool.failure, pool.failed_in_init = failure, in_init
        pool.backoff = after_failure(pool.backoff, now=self._clock(), jitter=self._jitter())
        if not pool.has_hope():
            self._send_away(pool, failure)
        if self.waiting:
            self._fill()
        self._forget(pool)
        self._actions.changed(self, pool.revision)

    def _fill(self, *, floors: bool = False) -> None:
        """Start what waiters need, and what floors need once there is time for it."""
        if self._filling:
            return
        self._filling = True
        now = self._clock()
        for pool in list(self.pools.values()):
            if not (pool.waiters or (floors and self._floor(pool))):
                continue
            decision = self._decide(pool, now)
            for _ in range(decision.displace):
                self._make_room(pool)
            for _ in range(decision.start):
                self._start(pool)
        self._filling = False

    def _decide(self, pool: Pool, now: float) -> Decision:
        load = Load(
            waiting=len(pool.waiters),
            starting=pool.starting,
            live=len(pool.places),
            idle_since=tuple(place.idle_since for place in pool.idle),
            mean_duration=pool.mean_duration,
            start_time=pool.start_time,
            backing_off=pool.backoff.holds(now),
        )
        bounds = Bounds(
            idle=self._idle,
            floor=self._floor(pool),
            # After a failure one start at a time finds out whether the next would succeed.
            starts=self._limits.starts if pool.failure is None else 1,
            free=self._room(),
            spare=len(self._spare(pool)),
        )
        return decide(load, bounds, now)

    def _room(self) -> int:
        cap = self._limits.instances if self._reserved is None else self._reserved
        pools = [pool for pool in self.pools.values() if not pool.preparing]
        return cap - self.lingering - sum(len(pool.places) + pool.starting for pool in pools)

    def _spare(self, pool: Pool) -> list[Place]:
        """Idle instances of other revisions, that may end to make room."""
        others = (other for other in self.pools.values() if other is not pool and not other.preparing)
        return [place for other in others for place in other.idle]

    def _make_room(self, pool: Pool) -> None:
        self._end(min(self._spare(pool), key=lambda place: place.idle_since))

    def _start(self, pool: Pool) -> None:
        pool.starting += 1
        self._actions.start(self, pool)
        self._actions.changed(self, pool.revision)
