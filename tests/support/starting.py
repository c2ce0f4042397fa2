"""A starter of Deployments in a cluster whose clock a test moves."""

import asyncio

from funclet.gateway.deployments.starter import DeploymentStarter
from funclet.gateway.ports import Instance
from funclet.plan.revision import Revision
from support.gateway import revision
from support.sim_cluster import Pace, SimCluster, SimPod

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
