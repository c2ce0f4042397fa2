"""Which pods of a function may still run a call of the gateway that was home before."""

import asyncio
from typing import Any

import pytest

from funclet.gateway.deployments.lingering import Lingering
from support.gateway import revision
from support.objects import NOW
from support.sim_cluster import SimCluster
from support.virtual import virtually

HELLO, OLD = revision(), revision(build="old")
WHERE = ("default", "hello")


class World:
    """A gateway beside a cluster, and what it is told."""

    def __init__(self) -> None:
        self.cluster = SimCluster()
        self.cluster.starting = False
        self.informer = self.cluster.informer()
        self.told: list[int] = []
        self.lingering = Lingering(
            self.informer, lambda where, count: self.told.append(self._of(where, count))
        )

    @staticmethod
    def _of(where: tuple[str, str], count: int) -> int:
        assert where == WHERE
        return count

    async def pod(self, of: str, **metadata: Any) -> Any:
        """A pod that is bound; how the informer sees it follows."""
        made = self.cluster.make_pod(of)
        if metadata:
            self.cluster.show(made, metadata=metadata)
        await settle()
        return made

    def take_over(self) -> None:
        self.lingering.take_over(WHERE, [HELLO.key])


async def settle() -> None:
    """Let the watch catch up."""
    await asyncio.sleep(0.1)


@virtually
async def test_pods_that_stay_are_taken_and_linger_not() -> None:
    world = World()
    await world.pod(HELLO.key)
    world.take_over()
    assert world.told == []


@pytest.mark.parametrize(("of", "metadata"), [(HELLO.key, {"deletionTimestamp": NOW}), (OLD.key, {})])
@virtually
async def test_what_drains_or_is_of_no_routed_revision_lingers_until_it_is_gone(
    of: str, metadata: dict[str, Any]
) -> None:
    world = World()
    pods = [await world.pod(of, **metadata) for _ in range(2)]
    world.take_over()
    for pod in pods:
        world.cluster.vanish(pod)
    await settle()
    assert world.told == [2, 1, 0]


@virtually
async def test_a_pod_whose_container_ended_runs_no_call() -> None:
    world = World()
    pod = await world.pod(OLD.key)
    ended = await world.pod(OLD.key)
    world.cluster.end(ended)
    await settle()
    world.take_over()
    world.cluster.end(pod)
    await settle()
    assert world.told == [1, 0]


@virtually
async def test_what_goes_while_this_gateway_is_home_it_knows() -> None:
    world = World()
    world.take_over()
    await world.pod(HELLO.key, deletionTimestamp=NOW)
    world.take_over()
    assert world.told == []


@virtually
async def test_a_function_that_goes_and_comes_back_is_looked_at_anew() -> None:
    world = World()
    await world.pod(HELLO.key, deletionTimestamp=NOW)
    world.take_over()
    world.lingering.let_go(WHERE)
    world.lingering.let_go(WHERE)
    world.take_over()
    assert world.told == [1, 0, 1]
