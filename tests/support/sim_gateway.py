"""A gateway's slots and starter on a cluster in memory: calls come by a trace and run for as long as it says."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from funclet.gateway.deployments.lingering import Lingering
from funclet.gateway.deployments.starter import DeploymentStarter
from funclet.gateway.failure import MOVED, Failure, StartFailedError
from funclet.gateway.pool import Place, Pool, Waiter
from funclet.gateway.ports import Instance, StartError
from funclet.gateway.settings import SlotLimits
from funclet.gateway.slots import FunctionSlots
from funclet.gateway.upstream import Link
from funclet.lambda_api.errors import LambdaApiError
from funclet.plan.revision import Revision
from support.sim_cluster import SimCluster

_SWEEP = 0.5


class _MovedError(Exception):
    """Another gateway is home now."""


@dataclass
class Tally:
    """What became of the calls."""

    came: int = 0
    #: seconds from coming to the answer
    answered: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    #: calls that ran at once
    most: int = 0
    #: the gateway that is home
    home: "SimGateway | None" = None


class SimGateway:
    """One function on one gateway."""

    def __init__(
        self,
        cluster: SimCluster,
        revision: Revision,
        *,
        idle: float,
        tally: Tally,
        reserved: int | None = None,
        minimum: int = 0,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._cluster = cluster
        self._revision = revision
        self._tally = tally
        tally.home = self
        self._tasks: set[asyncio.Task[None]] = set()
        self.slots = FunctionSlots(SlotLimits(), self, clock=loop.time, jitter=lambda: 0.5)
        self.slots.configure(reserved=reserved, idle=idle, minimum=minimum, serving=revision)
        self._is_home = True
        informer = cluster.informer()
        self.starter = DeploymentStarter(
            cluster, informer, cluster, clock=loop.time, is_own=lambda _: self._is_home
        )
        cluster.announce = [self.starter.announced]
        lingering = Lingering(informer, lambda _, count: self.slots.linger(count))
        lingering.take_over((revision.namespace, revision.function_name), [revision.key])
        self.starter.serve(self)
        self.starter.adopt([revision])
        self._sweeping = loop.call_later(_SWEEP, self._sweep)

    async def close(self) -> None:
        """Be home no more: what runs is finished here."""
        self._sweeping.cancel()
        self._is_home = False
        self.starter.release()
        self.slots.surrender()
        await self.starter.close()

    # -- calls

    def call(self, seconds: float) -> None:
        """Let a call come that runs for so long."""
        self._tally.came += 1
        self._spawn(self._call(seconds))

    async def _call(self, seconds: float) -> None:
        begun = asyncio.get_running_loop().time()
        home = self
        try:
            while not await home._has_run(seconds):
                await asyncio.sleep(0.05)
                assert self._tally.home is not None
                home = self._tally.home
        except (LambdaApiError, StartFailedError) as error:
            self._tally.refused.append(str(error))
            return
        self._tally.answered.append(asyncio.get_running_loop().time() - begun)

    async def _has_run(self, seconds: float) -> bool:
        try:
            await self._run(seconds)
        except _MovedError:
            return False
        return True

    async def _run(self, seconds: float) -> None:
        place = await self._place(None)
        while not self._takes(place):
            await asyncio.sleep(0.001)
            keep = self._is_occupied(place)
            if keep:
                asyncio.get_running_loop().call_later(0.05, self.slots.vacate, place)
            place = await self._place(place, keep=keep)
        pod = self._cluster.pods[place.link.instance.pod_uid or ""]
        pod.busy = True
        self._tally.most = max(self._tally.most, sum(each.busy for each in self._cluster.pods.values()))
        await asyncio.sleep(seconds)
        pod.busy = False
        self.slots.prove(place)
        self.slots.release(place)

    async def _place(self, instead_of: Place | None, *, keep: bool = False) -> Place:
        over: asyncio.Future[Place | Failure | None] = asyncio.get_running_loop().create_future()
        got: Place | Waiter
        if instead_of is None:
            got = self.slots.acquire(self._revision, over.set_result)
        else:
            got = self.slots.retry(instead_of, over.set_result, keep=keep)
        given = await over if isinstance(got, Waiter) else got
        if given is MOVED:
            raise _MovedError
        if not isinstance(given, Place):
            raise StartFailedError(given or Failure("WaitedTooLong", ""))
        return given

    def _takes(self, place: Place) -> bool:
        pod = self._cluster.pods.get(place.link.instance.pod_uid or "")
        leaving = pod is None or "deletionTimestamp" in pod.object["metadata"]
        return pod is not None and pod.listening and not (pod.retired or pod.busy or leaving)

    def _is_occupied(self, place: Place) -> bool:
        pod = self._cluster.pods.get(place.link.instance.pod_uid or "")
        return pod is not None and pod.busy and place.fit and not pod.retired

    # -- Actions

    def start(self, slots: FunctionSlots, pool: Pool) -> None:
        """See Actions."""
        self._spawn(self._start(slots, pool))

    async def _start(self, slots: FunctionSlots, pool: Pool) -> None:
        begun = asyncio.get_running_loop().time()
        try:
            instance = await self.starter.start(pool.revision)
        except StartError as error:
            slots.start_failed(pool, Failure(error.reason, str(error)))
        else:
            slots.started(pool, self._made(instance, pool, asyncio.get_running_loop().time() - begun))

    def end(self, place: Place) -> None:
        """See Actions."""
        self._spawn(self.starter.stop(place.link.instance))

    def changed(self, slots: FunctionSlots, revision: Revision) -> None:
        """See Actions."""

    # -- Taker

    def appeared(self, instance: Instance) -> bool:
        """See Taker."""
        self.slots.adopted(self._made(instance, self.slots.pool(instance.revision), 0.1))
        return True

    def leaving(self, instance: Instance) -> None:
        """See Taker."""
        for place in self.slots.places():
            if place.link.instance is instance:
                self.slots.leave(place)

    # -- how

    def _made(self, instance: Instance, pool: Pool, start_time: float) -> Place:
        place = Place(Link(instance), pool, now=asyncio.get_running_loop().time(), start_time=start_time)
        instance.ended.add_done_callback(
            lambda ended: self.slots.lost(place, Failure("InstanceEnded", ended.result()))
        )
        return place

    def _sweep(self) -> None:
        self._sweeping = asyncio.get_running_loop().call_later(_SWEEP, self._sweep)
        self.slots.sweep()

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.result()
