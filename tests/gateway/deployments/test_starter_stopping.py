"""Instances that are stopped, and pods that go by themselves."""

import asyncio

from support.sim_cluster import Pace
from support.starting import HELLO, World, started
from support.virtual import virtually


@virtually
async def test_a_stop_retires_the_pod_and_lowers_the_scale_once_it_is_seen_unready() -> None:
    world = World()
    instance = await started(world)
    await asyncio.sleep(2)
    begun = asyncio.get_running_loop().time()
    await world.starter.stop(instance)
    lowered = world.cluster.scales[-1]
    assert lowered[2] == 0
    assert lowered[0] - begun >= world.cluster.pace.unready
    assert instance.ended.result() == "the pod is gone"
    assert world.cluster.pods == {}


@virtually
async def test_of_two_pods_the_one_that_was_stopped_goes() -> None:
    world = World()
    first, second = await asyncio.gather(world.start(), world.start())
    await asyncio.sleep(2)
    await world.starter.stop(first)
    assert world.pod().uid == second.pod_uid
    assert not second.ended.done()


@virtually
async def test_a_pod_that_has_just_been_reached_is_not_taken_for_the_one_that_was_stopped() -> None:
    world = World(pace=Pace(start=0.3, publish=3.0))
    first = await started(world)
    await asyncio.sleep(10)
    # It announced itself; the kubelet calls it Ready three seconds later.
    await started(world)
    await world.starter.stop(first)
    assert [each.id for each in world.taker.left] == [first.id]


@virtually
async def test_while_another_pod_comes_up_the_scale_is_not_lowered() -> None:
    world = World(pace=Pace(start=10.0))
    first = await world.start()
    await asyncio.sleep(2)
    second = world.start()
    await asyncio.sleep(1)
    stop = asyncio.create_task(world.starter.stop(first))
    await asyncio.sleep(8)
    assert world.scales == [1, 2]
    await second
    await stop
    assert world.scales == [1, 2, 1]
    assert world.pod().uid == (await second).pod_uid


@virtually
async def test_a_call_right_after_a_stop_asks_for_one_pod_and_not_two() -> None:
    world = World(pace=Pace(drain=20.0))
    first = await world.start()
    await asyncio.sleep(2)
    stop = asyncio.create_task(world.starter.stop(first))
    await asyncio.sleep(5)
    assert len(world.cluster.pods) == 1
    await world.start()
    assert world.cluster.replicas(HELLO.key) == 1
    await stop


@virtually
async def test_a_pod_that_cannot_be_told_to_retire_goes_all_the_same() -> None:
    world = World()
    instance = await started(world)
    await asyncio.sleep(2)
    world.cluster.reachable = False
    await world.starter.stop(instance)
    assert world.scales == [1, 0]


@virtually
async def test_a_stop_ends_although_the_pod_never_does() -> None:
    world = World(pace=Pace(drain=10_000.0))
    instance = await started(world)
    begun = asyncio.get_running_loop().time()
    await world.starter.stop(instance)
    assert 60 < asyncio.get_running_loop().time() - begun < 70


# -- pods that come and go by themselves


@virtually
async def test_a_pod_that_is_deleted_gets_no_more_calls_and_its_successor_takes_its_place() -> None:
    world = World()
    instance = await started(world)
    await asyncio.sleep(2)
    world.cluster.delete(world.pod())
    await asyncio.sleep(0.1)
    assert world.taker.left == [instance]
    assert not instance.ended.done()
    await asyncio.sleep(5)
    assert instance.ended.result() == "the pod is gone"
    assert [each.pod_uid for each in world.taker.instances] == [world.pod().uid]
    assert world.scales == [1]


@virtually
async def test_a_pod_whose_container_ended_is_told_as_gone_with_the_reason() -> None:
    world = World()
    instance = await started(world)
    await asyncio.sleep(2)
    world.cluster.end(world.pod(), 137)
    assert await instance.ended == "the container ended: Error, exit status 137"
    await asyncio.sleep(5)
    assert len(world.taker.instances) == 1
    assert world.scales == [1]


@virtually
async def test_a_pod_that_nobody_wants_is_retired_and_the_scale_lowered() -> None:
    world = World()
    world.taker.wants = False
    world.starter.adopt([HELLO])
    world.cluster.scale_by_hand(HELLO.key, 1)
    await asyncio.sleep(0.1)
    world.starter.adopt([HELLO])
    await asyncio.sleep(20)
    assert world.scales == [0]
    assert world.cluster.pods == {}
