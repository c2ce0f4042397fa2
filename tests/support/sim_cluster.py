"""A cluster in memory: Deployments and their pods as a gateway's informer sees them, with what each step takes."""

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

from funclet.gateway.deployments.lingering import BY_FUNCTION, by_function
from funclet.gateway.deployments.ports import Reached
from funclet.gateway.deployments.starter import BY_REVISION, KINDS, by_revision
from funclet.gateway.ports import Instance, TcpAddress
from funclet.kube.informer import Informer
from funclet.kube.port import Change, KubeError, KubePort, NotFoundError, Object
from funclet.plan.plan import Key
from funclet.plan.revision import Revision
from funclet.reconcile.world import informer_for
from support.objects import NOW, function_manifest
from support.pods import of_replica_set

NODE = "node-1"
INDEXES = {BY_REVISION: by_revision, BY_FUNCTION: by_function}
#: whose pods all are
FUNCTION = "hello"
#: since longer than a start is given to find a node
UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available: 1 Insufficient cpu.",
    "lastTransitionTime": NOW,
}


@dataclass
class Pace:
    """Seconds that each step takes."""

    #: from a write to its effect on pods
    controller: float = 0.02
    #: from a change to the gateway's knowing of it
    watch: float = 0.005
    #: from a pod's creation to its supervisor's listening, and from there to the kubelet's saying so
    start: float = 0.8
    publish: float = 0.7
    #: from a pod's refusing calls to its being seen unready
    unready: float = 1.0
    #: from a pod's deletion to its end
    drain: float = 2.0


@dataclass
class SimPod:
    """One pod."""

    number: int
    revision: str
    uid: str
    address: str
    listening: bool = False
    retired: bool = False
    #: whether it runs a call
    busy: bool = False
    object: Object = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of its object."""
        return f"{self.revision}-{self.number}"

    @property
    def key(self) -> Key:
        """Of its object."""
        return Key("Pod", "default", self.name)


class SimCluster:
    """Takes a starter's writes, and is its Contact. What was written, and when, is remembered."""

    def __init__(self, pace: Pace | None = None) -> None:
        self.pace = pace or Pace()
        self.informers: list[Informer] = []
        self.objects: dict[Key, Object] = {}
        self.pods: dict[str, SimPod] = {}
        #: raised by every write
        self.failing: KubeError | None = None
        #: whether pods come up by themselves
        self.starting = True
        #: whether the operator makes a Deployment when one is wanted, of these revisions
        self.operator = True
        self.known: dict[str, Revision] = {}
        #: pods that there is room for; None: for any number
        self.room: int | None = None
        #: whether a pod that listens has come through init
        self.quick = True
        #: whether pods can be told to retire
        self.reachable = True
        #: when, which Deployment, how many
        self.scales: list[tuple[float, str, int]] = []
        self.wishes: list[tuple[float, Key, str]] = []
        #: writes that were tried
        self.attempts = 0
        self.dialled: list[tuple[str, str]] = []
        #: pods that were made
        self.made = 0
        #: told by pods that listen
        self.announce: list[Callable[[Key, str, str], object]] = []
        self._versions = itertools.count(1)
        self._numbers = itertools.count(1)

    def informer(self) -> Informer:
        """What a gateway sees, from the present state on."""
        made = informer_for(cast("KubePort", None), kinds=KINDS, indexes=INDEXES)
        made.begin()
        for key, each in self.objects.items():
            made.take(Change("ADDED", key, each))
        made.take(Change("SYNCED", None, None))
        self.informers.append(made)
        return made

    # -- objects

    def put(self, manifest: Object) -> None:
        """Store an object, and tell of it."""
        version = str(next(self._versions))
        stored = {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": version}}
        key = Key(stored["kind"], stored["metadata"]["namespace"], stored["metadata"]["name"])
        known = key in self.objects
        self.objects[key] = stored
        self._tell(Change("MODIFIED" if known else "ADDED", key, stored))

    def remove(self, key: Key) -> None:
        """Remove an object, and tell of it."""
        gone = self.objects.pop(key)
        version = str(next(self._versions))
        gone = {**gone, "metadata": {**gone["metadata"], "resourceVersion": version}}
        self._tell(Change("DELETED", key, gone))

    def add_function(self, revision: Revision) -> None:
        """Store the Function of a revision."""
        manifest = function_manifest(revision.function)
        manifest["metadata"] |= {"uid": f"uid-{revision.function}", "generation": 1}
        manifest["status"] = {"latestRevision": revision.key}
        self.put(manifest)

    def add_deployment(self, revision: Revision, replicas: int = 0) -> None:
        """Store the Deployment of a revision; its pods follow."""
        labels = {"funclet.dev/revision": revision.key}
        self.put(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {
                    "namespace": revision.namespace,
                    "name": revision.key,
                    "uid": f"uid-{revision.key}",
                    "labels": labels,
                    "annotations": {"funclet.dev/function-name": revision.function_name},
                },
                "spec": {"replicas": replicas, "template": {"spec": {}}},
            }
        )
        self._later(self.pace.controller, self._replicate, revision.key)

    def scale_by_hand(self, revision: str, replicas: int) -> None:
        """Set the scale as a user does."""
        key = Key("Deployment", "default", revision)
        found = self.objects[key]
        self.put({**found, "spec": {**found["spec"], "replicas": replicas}})
        self._later(self.pace.controller, self._replicate, revision)

    def replicas(self, revision: str) -> int:
        """What a Deployment asks for."""
        return int(self.objects[Key("Deployment", "default", revision)]["spec"]["replicas"])

    def live(self, revision: str) -> list[SimPod]:
        """The pods that are not being deleted."""
        return [pod for pod in self.pods.values() if pod.revision == revision and not _is_leaving(pod.object)]

    # -- pods

    def make_pod(self, revision: str, *, uid: str | None = None) -> SimPod:
        """Make a pod, bound to a node; it comes up by itself."""
        number = next(self._numbers)
        self.made += 1
        address = f"10.0.{number >> 8}.{number & 255}"
        pod = SimPod(number, revision, uid or f"pod-{number}", address)
        self.pods[pod.uid] = pod
        self.show(pod, status={"phase": "Pending"})
        self._schedule()
        if not _is_bound(pod):
            self.show(pod, status={"conditions": [UNSCHEDULABLE]})
        return pod

    def _schedule(self) -> None:
        """Bind pods to the node while it has room, as the scheduler does."""
        waiting = [pod for pod in self.pods.values() if not _is_bound(pod)]
        room = len(self.pods) if self.room is None else self.room
        for pod in waiting[: room - (len(self.pods) - len(waiting))]:
            self.show(pod, status={"conditions": []}, spec={"nodeName": NODE})
            if self.starting:
                self._later(self.pace.start, self.listen, pod)

    def listen(self, pod: SimPod) -> None:
        """Let its supervisor listen; the kubelet says so later."""
        if _is_leaving(pod.object) or pod.uid not in self.pods:
            return
        pod.listening = True
        for told in self.announce:
            told(pod.key, pod.uid, pod.address)
        self._later(self.pace.publish, self.publish, pod)

    def publish(self, pod: SimPod, *, ready: bool = True) -> None:
        """Let the kubelet say where it is and whether it is ready."""
        if pod.uid not in self.pods or _has_ended(pod.object):
            return
        self.show(pod, status=running(pod.address, ready=ready and not pod.retired))

    def end(self, pod: SimPod, code: int = 1, message: str = "") -> None:
        """Let its container end; the operator deletes it."""
        pod.listening = False
        terminated = {"exitCode": code, "reason": "Error", "message": message}
        state = {"name": "function", "state": {"terminated": terminated}}
        self.show(pod, status={"phase": "Running", "containerStatuses": [state]})
        self._later(self.pace.controller, self.delete, pod)

    def delete(self, pod: SimPod) -> None:
        """Delete a pod: it drains, and is gone after a while; another takes its place where it is a replica."""
        if pod.uid not in self.pods or _is_leaving(pod.object):
            return
        self.show(pod, metadata={"deletionTimestamp": NOW})
        self._later(self.pace.controller, self._replicate, pod.revision)
        self._later(self.pace.drain, self.vanish, pod)

    def vanish(self, pod: SimPod) -> None:
        """Let a pod be gone."""
        if self.pods.pop(pod.uid, None) is not None:
            pod.listening = False
            self.remove(pod.key)
            self._schedule()

    def show(self, pod: SimPod, **changes: Object) -> None:
        """Change a pod's object."""
        before = pod.object or {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "namespace": "default",
                "name": pod.name,
                "uid": pod.uid,
                "creationTimestamp": NOW,
                "annotations": {"funclet.dev/function-name": FUNCTION},
                **of_replica_set(pod.revision),
            },
        }
        pod.object = {
            **before,
            **{part: {**before.get(part, {}), **change} for part, change in changes.items()},
        }
        self.put(pod.object)

    def _replicate(self, revision: str) -> None:
        """Do what a ReplicaSet does: unready pods go first, then the newest."""
        deployment = self.objects.get(Key("Deployment", "default", revision))
        if deployment is None:
            return
        pods = self.live(revision)
        surplus = len(pods) - deployment["spec"]["replicas"]
        for _ in range(-surplus):
            self.make_pod(revision)
        pods.sort(key=lambda each: (is_ready(each.object), -each.number))
        for pod in pods[: max(0, surplus)]:
            self.delete(pod)

    # -- what a starter asks for

    async def scale(self, key: Key, replicas: int, *, manager: str) -> None:
        """See ClusterPort."""
        assert manager == "funclet-gateway"
        await self._write()
        if key not in self.objects:
            raise NotFoundError("no such Deployment")
        self.scales.append((self._now(), key.name, replicas))
        self.scale_by_hand(key.name, replicas)

    async def want(self, key: Key, wanted: Mapping[str, str | None], *, manager: str) -> None:
        """See ClusterPort; the operator makes the Deployment."""
        assert manager == "funclet-gateway"
        await self._write()
        (name,) = wanted
        self.wishes.append((self._now(), key, name))
        if self.operator:
            self._later(self.pace.controller, self._make_wanted, name)

    async def reach(self, address: TcpAddress, pod_uid: str, revision: str) -> Reached:
        """See Contact."""
        self.dialled.append((address.host, pod_uid))
        await asyncio.sleep(0.001)
        pod = self.pods.get(pod_uid)
        if pod is None or not pod.listening:
            return Reached.NOT
        if (pod.address, pod.revision, address.port) != (address.host, revision, 8901):
            return Reached.NOT
        return Reached.READY if self.quick else Reached.IN_INIT

    async def retire(self, instance: Instance) -> bool:
        """See Contact."""
        await asyncio.sleep(0.001)
        pod = self.pods.get(instance.pod_uid or "")
        if pod is None or not pod.listening or not self.reachable:
            return False
        pod.retired = True
        self._later(self.pace.unready, self.publish, pod)
        return True

    def _make_wanted(self, name: str) -> None:
        if Key("Deployment", "default", name) not in self.objects:
            self.add_deployment(self.known[name])

    async def _write(self) -> None:
        await asyncio.sleep(0.002)
        self.attempts += 1
        if self.failing is not None:
            raise self.failing

    # -- how

    def _tell(self, change: Change) -> None:
        for informer in self.informers:
            self._later(self.pace.watch, informer.take, change)

    @staticmethod
    def _later(seconds: float, do: Callable[..., object], *args: object) -> None:
        asyncio.get_running_loop().call_later(seconds, do, *args)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def running(address: str, *, ready: bool = True) -> Object:
    """A status as the kubelet writes it."""
    return {
        "phase": "Running",
        "podIP": address,
        "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        "containerStatuses": [{"name": "function", "state": {"running": {}}}],
    }


def is_ready(pod: Object) -> bool:
    """Whether its last status said so."""
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _is_bound(pod: SimPod) -> bool:
    return "spec" in pod.object


def _is_leaving(pod: Object) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _has_ended(pod: Object) -> bool:
    states = pod.get("status", {}).get("containerStatuses", ())
    return any("terminated" in each["state"] for each in states)
