"""The starter on a cluster in memory, in time that jumps: what it asks for, takes, gives back and lets go of."""

import asyncio

import pytest

from funclet.gateway.deployments.raised import GRACE, Whose
from funclet.gateway.deployments.starter import DeploymentStarter, wished
from funclet.gateway.ports import Instance, StartError, TcpAddress
from funclet.kube.cluster_port import ForbiddenError, UnreachableError
from funclet.kube.port import KubeError
from funclet.plan.plan import Key
from funclet.plan.revision import Revision
from support.gateway import revision
from support.sim_cluster import Pace, SimCluster, SimPod
from support.virtual import virtually

HELLO = revision()
ONE = revision("hello", "1")


class Taker:
    """Whoever gives calls to instances, as far as it takes any."""

    def __init__(self) -> None:
        self.wants = True
        self.instances: list[Instance] = []
        self.left: list[Instance] = []

    def appeared(self, instance: Instance) -> bool:
        if self.wants:
            self.instances.append(instance)
        return self.wants

    def leaving(self, instance: Instance) -> None:
        self.left.append(instance)


class World:
    """A cluster with one gateway."""

    def __init__(self, *, replicas: int | None = 0, pace: Pace | None = None) -> None:
        self.cluster = SimCluster(pace)
        self.cluster.known = {HELLO.key: HELLO}
        self.cluster.add_function(HELLO)
        if replicas is not None:
            self.cluster.add_deployment(HELLO, replicas)
        self.taker = Taker()
        self.starter = self.gateway()

    def gateway(self) -> DeploymentStarter:
        loop = asyncio.get_running_loop()
        cluster = self.cluster
        self.informer = cluster.informer()
        self.elsewhere: set[str] = set()
        starter = DeploymentStarter(
            cluster,
            self.informer,
            cluster,
            clock=loop.time,
            is_own=lambda each: each.key not in self.elsewhere,
        )
        starter.serve(self.taker)
        cluster.announce = [starter.announced]
        return starter

    def start(self, wanted: Revision = HELLO) -> "asyncio.Task[Instance]":
        return asyncio.get_running_loop().create_task(self.starter.start(wanted))

    def release(self, moved: Revision) -> None:
        self.elsewhere.add(moved.key)
        self.starter.release()

    def pod(self) -> SimPod:
        (pod,) = self.cluster.live(HELLO.key)
        return pod

    @property
    def scales(self) -> list[int]:
        return [replicas for _, _, replicas in self.cluster.scales]


async def started(world: World) -> Instance:
    async with asyncio.timeout(10):
        return await world.start()


# -- starting


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


# -- what pods say of themselves


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


# -- stopping


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


# -- homes


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
