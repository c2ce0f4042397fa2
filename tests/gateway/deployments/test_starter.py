"""How an instance is asked for, and what comes of it."""

import asyncio

import pytest

from funclet.gateway.ports import StartError, TcpAddress
from funclet.kube.cluster_port import ForbiddenError, UnreachableError
from funclet.plan.plan import Key
from support.sim_cluster import Pace
from support.starting import HELLO, ONE, World, started
from support.virtual import virtually


@virtually
async def test_a_start_raises_the_deployment_and_ends_with_a_pod_that_can_be_dialled() -> None:
    world = World()
    instance = await started(world)
    pod = world.pod()
    assert (instance.pod_uid, instance.address) == (pod.uid, TcpAddress(pod.address, 8901))
    assert instance.revision == HELLO
    assert world.scales == [1]


@virtually
async def test_starts_at_once_are_one_write_where_they_come_together() -> None:
    world = World()
    instances = await asyncio.gather(*(world.start() for _ in range(5)))
    assert len({each.pod_uid for each in instances}) == 5
    assert world.scales[-1] == 5
    assert len(world.scales) <= 2


@virtually
async def test_an_announced_pod_is_dialled_before_the_kubelet_says_where_it_is() -> None:
    world = World(pace=Pace(start=0.5, publish=5.0))
    begun = asyncio.get_running_loop().time()
    await started(world)
    assert asyncio.get_running_loop().time() - begun < 0.7


@virtually
async def test_a_pod_that_cannot_announce_itself_is_found_by_what_the_kubelet_says() -> None:
    world = World(pace=Pace(start=0.5, publish=1.0))
    world.cluster.announce = []
    begun = asyncio.get_running_loop().time()
    await started(world)
    assert 1.5 < asyncio.get_running_loop().time() - begun < 1.7


@virtually
async def test_without_a_deployment_one_is_wished_for_until_it_is_seen() -> None:
    world = World(replicas=None)
    world.cluster.operator = False
    start = world.start()
    await asyncio.sleep(7)
    assert [key for _, key, _ in world.cluster.wishes] == [Key("Function", "default", "hello")] * 4
    assert {name for _, _, name in world.cluster.wishes} == {HELLO.key}
    world.cluster.operator = True
    await start
    wishes = len(world.cluster.wishes)
    await asyncio.sleep(10)
    assert len(world.cluster.wishes) == wishes


@virtually
async def test_a_version_is_wished_for_at_its_own_object() -> None:
    world = World(replicas=None)
    world.cluster.operator = False
    world.cluster.put(
        {
            "apiVersion": "funclet.dev/v1alpha1",
            "kind": "FunctionVersion",
            "metadata": {"namespace": "default", "name": "hello-v1"},
            "spec": {"function": "hello", "version": "1"},
            "status": {"revision": ONE.key},
        }
    )
    await asyncio.sleep(0.1)
    start = world.start(ONE)
    await asyncio.sleep(1)
    assert [key for _, key, _ in world.cluster.wishes] == [Key("FunctionVersion", "default", "hello-v1")]
    start.cancel()


@virtually
async def test_a_revision_whose_function_is_gone_does_not_start() -> None:
    world = World(replicas=None)
    world.cluster.remove(Key("Function", "default", "hello"))
    await asyncio.sleep(0.1)
    with pytest.raises(StartError) as failed:
        await world.start()
    assert failed.value.reason == "FunctionNotFound"


@virtually
async def test_a_start_fails_with_the_reason_that_the_pod_shows_and_the_scale_falls() -> None:
    world = World()
    world.cluster.starting = False
    start = world.start()
    await asyncio.sleep(0.5)
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
    states = [{"name": "function", "image": "app:1", "state": waiting}]
    world.cluster.show(world.pod(), status={"containerStatuses": states})
    with pytest.raises(StartError) as failed:
        await start
    assert failed.value.reason == "ImageUnavailable"
    await asyncio.sleep(5)
    assert world.scales == [1, 0]
    assert world.cluster.live(HELLO.key) == []


@virtually
async def test_a_start_whose_pod_runs_and_is_never_reached_fails_and_holds_up_no_other() -> None:
    world = World()
    world.cluster.starting = False
    start = world.start()
    await asyncio.sleep(0.5)
    deaf = world.pod()
    world.cluster.publish(deaf)
    with pytest.raises(StartError, match="network policies") as failed:
        async with asyncio.timeout(30):
            await start
    assert failed.value.reason == "NotReached"
    await asyncio.sleep(5)
    assert world.scales == [1, 0]


@virtually
async def test_a_crash_in_init_fails_all_that_wait_for_the_revision() -> None:
    world = World()
    world.cluster.starting = False
    starts = [world.start() for _ in range(3)]
    await asyncio.sleep(0.5)
    world.cluster.end(world.cluster.live(HELLO.key)[0], 3, "No module named x")
    outcomes = await asyncio.gather(*starts, return_exceptions=True)
    assert all(isinstance(each, StartError) and each.reason == "InitFailed" for each in outcomes)


@virtually
async def test_a_pod_that_finds_no_node_fails_no_start_that_another_pod_comes_for() -> None:
    world = World(pace=Pace(start=2.0))
    world.cluster.room = 1
    first, second = world.start(), world.start()
    with pytest.raises(StartError) as failed:
        await second
    assert failed.value.reason == "NoNode"
    assert (await first).pod_uid in world.cluster.pods


@virtually
async def test_a_new_home_takes_the_pods_that_run_though_another_finds_no_node() -> None:
    world = World(replicas=2)
    world.cluster.room = 1
    await asyncio.sleep(5)
    assert len(world.cluster.live(HELLO.key)) == 2
    instance = await started(world)
    assert world.cluster.pods[instance.pod_uid or ""].listening


@pytest.mark.parametrize("quick", [True, False])
@virtually
async def test_an_instance_tells_whether_it_had_come_through_init_when_it_was_met(*, quick: bool) -> None:
    world = World()
    world.cluster.quick = quick
    assert (await started(world)).ready is quick


@virtually
async def test_a_start_that_nobody_waits_for_any_more_gives_its_pod_up() -> None:
    world = World(pace=Pace(start=60.0))
    start = world.start()
    await asyncio.sleep(0.5)
    start.cancel()
    await asyncio.sleep(0.5)
    assert world.cluster.replicas(HELLO.key) == 1
    # The pod is there and comes up: it is taken, and may be ended like any other.
    await asyncio.sleep(70)
    assert [each.pod_uid for each in world.taker.instances] == [world.pod().uid]


# -- an API server that does not take it


@pytest.mark.parametrize("replicas", [0, None])
@virtually
async def test_while_the_api_server_is_away_nothing_is_lost(replicas: int | None) -> None:
    world = World(replicas=replicas)
    world.cluster.failing = UnreachableError("no route to host")
    start = world.start()
    await asyncio.sleep(30)
    assert not start.done()
    assert 5 < world.cluster.attempts < 20
    world.cluster.failing = None
    async with asyncio.timeout(6):
        await start


@virtually
async def test_a_write_that_was_forgotten_is_sent_again() -> None:
    world = World()
    world.cluster.informers.clear()
    start = world.start()
    await asyncio.sleep(5)
    assert world.scales == [1, 1, 1]
    start.cancel()


@pytest.mark.parametrize("replicas", [0, None])
@virtually
async def test_a_refusal_is_told_to_who_waits(replicas: int | None) -> None:
    world = World(replicas=replicas)
    world.cluster.failing = ForbiddenError("exceeded quota")
    with pytest.raises(StartError, match="exceeded quota") as failed:
        await world.start()
    assert failed.value.reason == "Forbidden"
    world.cluster.failing = None
    begun = asyncio.get_running_loop().time()
    await world.start()
    assert asyncio.get_running_loop().time() - begun < 3.5


@virtually
async def test_a_deployment_that_vanished_is_wished_for_again() -> None:
    world = World()
    await started(world)
    world.cluster.remove(Key("Deployment", "default", HELLO.key))
    for pod in world.cluster.live(HELLO.key):
        world.cluster.vanish(pod)
    await asyncio.sleep(1)
    await started(world)
    assert len(world.cluster.wishes) == 1
