"""Homes that move, and Deployments that nobody looks after."""

import asyncio

import pytest

from funclet.gateway.deployments.raised import GRACE, Whose
from funclet.gateway.deployments.starter import wished
from funclet.gateway.ports import StartError
from funclet.kube.cluster_port import ForbiddenError, UnreachableError
from funclet.kube.port import KubeError
from funclet.plan.revision import Revision
from support.sim_cluster import Pace
from support.starting import HELLO, ONE, World, started
from support.virtual import virtually


@virtually
async def test_a_gateway_that_becomes_home_takes_the_pods_that_are_there_and_writes_nothing() -> None:
    world = World(replicas=3)
    await asyncio.sleep(5)
    world.starter.adopt([HELLO, ONE])
    await asyncio.sleep(5)
    assert len({each.pod_uid for each in world.taker.instances}) == 3
    assert world.scales == []


@virtually
async def test_a_gateway_that_is_home_no_more_lets_its_pods_be() -> None:
    world = World(pace=Pace(start=30.0))
    waiting = world.start()
    await asyncio.sleep(1)
    world.release(HELLO)
    with pytest.raises(StartError) as failed:
        await waiting
    assert failed.value.reason == "HomeMoved"
    await asyncio.sleep(60)
    assert world.scales == [1]
    assert world.taker.instances == []
    assert not world.starter.announced(world.pod().key, world.pod().uid, world.pod().address)


@virtually
async def test_a_start_that_was_decided_before_the_home_moved_writes_nothing() -> None:
    world = World()
    start = world.start()
    world.release(HELLO)
    with pytest.raises(StartError) as failed:
        await start
    assert failed.value.reason == "HomeMoved"
    await asyncio.sleep(5)
    assert world.cluster.attempts == 0


@virtually
async def test_only_what_is_elsewhere_is_released() -> None:
    world = World()
    instance = await started(world)
    world.release(ONE)
    await asyncio.sleep(1)
    await world.starter.stop(instance)
    assert world.scales == [1, 0]


@virtually
async def test_a_stop_under_way_ends_when_the_home_moves() -> None:
    world = World(pace=Pace(drain=50.0))
    instance = await started(world)
    await asyncio.sleep(2)
    stop = asyncio.create_task(world.starter.stop(instance))
    await asyncio.sleep(0.5)
    world.release(HELLO)
    async with asyncio.timeout(0.1):
        await stop
    assert world.scales == [1]


@virtually
async def test_the_instance_of_an_earlier_time_as_home_cannot_stop_that_of_now() -> None:
    world = World()
    old = await started(world)
    world.release(HELLO)
    world.elsewhere.clear()
    world.starter.adopt([HELLO])
    await asyncio.sleep(3)
    (new,) = world.taker.instances
    assert new.pod_uid == old.pod_uid
    await world.starter.stop(old)
    await asyncio.sleep(3)
    assert not world.pod().retired
    assert not new.ended.done()


@virtually
async def test_after_its_end_a_starter_writes_nothing() -> None:
    world = World(pace=Pace(start=30.0))
    waiting = world.start()
    await asyncio.sleep(1)
    await world.starter.close()
    with pytest.raises(StartError):
        await waiting
    world.cluster.scale_by_hand(HELLO.key, 4)
    await asyncio.sleep(60)
    assert world.scales == [1]


# -- what nobody looks after


async def tidy(world: World, whose: Revision | Whose, seconds: float) -> None:
    for _ in range(round(seconds)):
        world.starter.tidy(lambda _: whose)
        await asyncio.sleep(1)


@virtually
async def test_a_deployment_of_no_route_is_lowered_after_a_while() -> None:
    world = World(replicas=2)
    await asyncio.sleep(2)
    await tidy(world, Whose.NOBODY, GRACE)
    assert world.scales == []
    await tidy(world, Whose.NOBODY, 3)
    assert world.scales == [0]
    await tidy(world, Whose.NOBODY, 30)
    assert world.scales == [0]
    assert world.cluster.pods == {}


@virtually
async def test_a_deployment_of_another_home_is_left_alone_however_long() -> None:
    world = World(replicas=2)
    await tidy(world, Whose.ELSEWHERE, 60)
    await tidy(world, Whose.NOBODY, GRACE - 1)
    await tidy(world, Whose.ELSEWHERE, 1)
    await tidy(world, Whose.NOBODY, GRACE - 1)
    assert world.scales == []


@virtually
async def test_a_deployment_that_runs_here_is_no_stray_although_its_route_is_gone() -> None:
    world = World()
    instance = await started(world)
    await tidy(world, Whose.NOBODY, 60)
    assert world.scales == [1]
    assert not instance.ended.done()


@virtually
async def test_a_deployment_at_zero_is_no_stray() -> None:
    world = World(replicas=0)
    await tidy(world, Whose.NOBODY, 60)
    assert world.scales == []


@virtually
async def test_a_routed_deployment_that_was_scaled_by_hand_is_adopted() -> None:
    world = World()
    await asyncio.sleep(1)
    world.cluster.scale_by_hand(HELLO.key, 2)
    await tidy(world, HELLO, 20)
    assert len(world.taker.instances) == 2
    assert world.scales == []


@pytest.mark.parametrize("error", [UnreachableError("away"), ForbiddenError("no")])
@virtually
async def test_a_stray_that_could_not_be_lowered_is_tried_again(error: KubeError) -> None:
    world = World(replicas=1)
    world.cluster.failing = error
    await tidy(world, Whose.NOBODY, 40)
    assert 2 <= world.cluster.attempts <= 4
    world.cluster.failing = None
    await tidy(world, Whose.NOBODY, 15)
    assert world.scales == [0]


def test_a_wish_takes_back_those_for_revisions_that_are_past() -> None:
    status = {
        "latestRevision": "new",
        "servingRevision": "old",
        "wanted": {"older": "1", "old": "1", "oldest": "1"},
    }
    assert wished({"status": status}, "new", "2") == {"older": None, "oldest": None, "new": "2"}
    assert wished({}, "new", "2") == {"new": "2"}
