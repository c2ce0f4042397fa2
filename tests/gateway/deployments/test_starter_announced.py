"""What pods say of themselves: believed as far as it is proved."""

import asyncio

from funclet.gateway.ports import TcpAddress
from funclet.plan.plan import Key
from support.starting import ONE, World, started
from support.virtual import virtually


def waiting_world() -> World:
    """A start whose pod was made and does not come up by itself."""
    world = World()
    world.cluster.starting = False
    return world


@virtually
async def test_an_announcement_is_believed_only_of_a_pod_that_is_there() -> None:
    world = waiting_world()
    start = world.start()
    await asyncio.sleep(0.5)
    pod = world.pod()
    announced, key = world.starter.announced, Key("Pod", "default", pod.name)
    assert not announced(Key("Pod", "default", "another"), pod.uid, pod.address)
    assert not announced(Key("Pod", "elsewhere", pod.name), pod.uid, pod.address)
    assert not announced(key, "another-uid", pod.address)
    world.cluster.show(pod, spec={"nodeName": ""})
    await asyncio.sleep(0.1)
    assert not announced(key, pod.uid, pod.address)
    world.cluster.show(pod, spec={"nodeName": "node-1"})
    await asyncio.sleep(0.1)
    assert world.cluster.dialled == []
    pod.listening = True
    assert announced(key, pod.uid, pod.address)
    assert (await start).pod_uid == pod.uid


@virtually
async def test_an_announcement_of_a_pod_that_goes_changes_nothing() -> None:
    world = waiting_world()
    start = world.start()
    await asyncio.sleep(0.5)
    pod = world.pod()
    world.cluster.delete(pod)
    await asyncio.sleep(0.1)
    assert not world.starter.announced(pod.key, pod.uid, pod.address)
    start.cancel()


@virtually
async def test_an_announcement_of_a_revision_that_is_not_asked_for_changes_nothing() -> None:
    world = World()
    pod = world.cluster.make_pod(ONE.key)
    await asyncio.sleep(1)
    assert not world.starter.announced(pod.key, pod.uid, pod.address)
    assert world.cluster.dialled == []


@virtually
async def test_a_wrong_address_does_not_keep_the_right_one_from_being_tried() -> None:
    world = waiting_world()
    start = world.start()
    await asyncio.sleep(0.5)
    pod = world.pod()
    assert world.starter.announced(pod.key, pod.uid, "10.9.9.9")
    await asyncio.sleep(2)
    assert not start.done()
    world.cluster.listen(pod)
    async with asyncio.timeout(2):
        assert (await start).address == TcpAddress(pod.address, 8901)


@virtually
async def test_an_address_that_is_stale_is_corrected_by_the_kubelet() -> None:
    world = waiting_world()
    start = world.start()
    await asyncio.sleep(0.5)
    pod = world.pod()
    world.starter.announced(pod.key, pod.uid, "10.9.9.9")
    pod.listening = True
    world.cluster.publish(pod)
    async with asyncio.timeout(2):
        assert (await start).address == TcpAddress(pod.address, 8901)


@virtually
async def test_an_announcement_that_comes_again_gives_no_second_instance() -> None:
    world = World()
    await started(world)
    pod = world.pod()
    for _ in range(3):
        assert world.starter.announced(pod.key, pod.uid, "10.9.9.9")
    await asyncio.sleep(3)
    assert world.taker.instances == []
    assert {host for host, _ in world.cluster.dialled} == {pod.address}


@virtually
async def test_another_pod_at_the_address_is_not_taken() -> None:
    world = waiting_world()
    start = world.start()
    await asyncio.sleep(0.5)
    other = world.cluster.make_pod(ONE.key)
    other.listening = True
    world.starter.announced(world.pod().key, world.pod().uid, other.address)
    await asyncio.sleep(3)
    assert not start.done()
    start.cancel()
