"""What is remembered of revisions that fail: over pods, operators and quotas that come and go."""

import copy
from typing import TYPE_CHECKING, Any

import pytest

from funclet.api.function import Function
from funclet.api.rules import parse
from funclet.kube.cluster_port import ForbiddenError
from funclet.kube.port import Change, ConflictError, KubeError, NotFoundError, Object
from funclet.plan import reasons
from funclet.plan.children import Children
from funclet.plan.deployment import at_zero, deployment_manifest
from funclet.plan.function import plan_function
from funclet.plan.images import resolved_runtimes
from funclet.plan.observed import CodeState, FunctionObserved
from funclet.plan.plan import Key
from funclet.plan.record import record_manifest
from funclet.plan.revision import Platform
from funclet.reconcile.children import KINDS, ChildrenKeeper
from funclet.reconcile.world import informer_for

if TYPE_CHECKING:
    from funclet.kube.informer import Informer

from support.objects import NOW, SHA
from support.pods import condition, ended, of_replica_set, pod
from support.rendering import cluster, on_cluster, revision, revision_of, template

PLATFORM = Platform(None, "us-east-1", resolved_runtimes(cluster().config))
LATER = "2026-01-02T03:14:05Z"


class NoKube:
    """Nothing is there beyond what is watched, but for one object in the way."""

    def __init__(self) -> None:
        self.stranger: Object | None = None
        self.reads = 0
        self.error: KubeError = ConflictError("it exists")

    async def get(self, key: Key) -> Object:
        self.reads += 1
        if self.stranger is None:
            raise NotFoundError(str(key))
        return self.stranger

    async def create(self, manifest: Any, *, manager: str) -> Object:
        assert manifest["metadata"]["name"]
        assert manager == "funclet-create"
        raise self.error


class Namespace:
    """A Function whose $LATEST was changed, and whose children are seen by operators one after another."""

    def __init__(self) -> None:
        self.old, self.new = revision(memory="128Mi"), revision(memory="256Mi")
        self.status: dict[str, Any] = {"observedGeneration": 1, "servingRevision": self.old.key}
        self.version = 0
        self.kube = NoKube()
        self.keeper, self.informer = self._begun()
        for each in (self.old, self.new):
            manifest = deployment_manifest(self.function, each.key, template(each))
            self.put(at_zero(manifest))
            self.put(record_manifest(self.function, each, template(each)))

    def restart(self) -> None:
        """Have another operator see it all."""
        objects = self.informer.dump()
        self.keeper, self.informer = self._begun()
        self.informer.restore(objects)

    def _begun(self) -> "tuple[ChildrenKeeper, Informer]":
        keeper = ChildrenKeeper(self.kube, cluster())
        kube: Any = self.kube
        return keeper, informer_for(kube, kinds=KINDS, indexes=keeper.indexes)

    @property
    def function(self) -> Function:
        plain = on_cluster(memory="256Mi")
        found = parse(
            {**plain.model_dump(mode="json", exclude_none=True, by_alias=True), "status": self.status},
            unknown="ignore",
        )
        assert isinstance(found, Function)
        return found

    def put(self, manifest: Object) -> None:
        self.version += 1
        system = {"uid": f"uid-{manifest['metadata']['name']}", "resourceVersion": str(self.version)}
        metadata = {"generation": 1, **system, **manifest["metadata"], "resourceVersion": str(self.version)}
        self.informer.put({**manifest, "metadata": metadata})

    def remove(self, key: Key) -> None:
        """Let an object be gone."""
        self.version += 1
        gone = self.informer.get(key)
        assert gone is not None
        metadata = {**gone["metadata"], "resourceVersion": str(self.version)}
        self.informer.take(Change("DELETED", key, {**gone, "metadata": metadata}))

    def failed_pod(self, **more: Any) -> None:
        """Show a pod of the changed revision that failed in init."""
        made = pod("greet-1", state=ended(3, "ImportError: nope"), **of_replica_set(self.new.key), **more)
        self.put(made)

    def look(self, now: str = NOW) -> tuple[str, str]:
        """Plan for the Function, and store its status: which revision serves, and the reason of Ready."""
        plain: Any = {
            "apiVersion": "funclet.dev/v1alpha1",
            "kind": "Function",
            "metadata": {"name": "greet", "namespace": "default", "uid": "uid-greet", "generation": 1},
            "spec": {},
            "status": self.status,
        }
        self.put(plain)
        states = self.keeper.states("default", "greet", self.informer, now)
        observed = FunctionObserved(CodeState(SHA), revisions=states)
        status = plan_function(self.function, observed, PLATFORM, now).status
        assert status is not None
        self.status = dict(status)
        serves = "old" if self.status["servingRevision"] == self.old.key else "new"
        return serves, self.status["conditions"][0]["reason"]


@pytest.fixture
def namespace() -> Namespace:
    return Namespace()


def test_a_restarted_operator_gives_no_traffic_to_what_is_known_to_be_broken(namespace: Namespace) -> None:
    assert revision_of(namespace.function).key == namespace.new.key
    namespace.failed_pod()
    assert namespace.look() == ("old", reasons.INIT_FAILED)
    namespace.remove(Key("Pod", "default", "greet-1"))
    assert namespace.look() == ("old", reasons.INIT_FAILED)
    namespace.restart()
    assert namespace.look() == ("old", reasons.INIT_FAILED)
    assert namespace.look(LATER) == ("old", reasons.INIT_FAILED)


def test_an_operator_that_leads_again_believes_what_was_told_meanwhile(namespace: Namespace) -> None:
    namespace.failed_pod()
    namespace.look()
    namespace.remove(Key("Pod", "default", "greet-1"))
    namespace.keeper.clear()
    namespace.status["conditions"] = []
    assert namespace.look() == ("new", reasons.READY)


def test_the_one_before_goes_on_while_its_deployment_is_made_anew(namespace: Namespace) -> None:
    namespace.failed_pod()
    namespace.remove(Key("Deployment", "default", namespace.old.key))
    assert namespace.look() == ("old", reasons.INIT_FAILED)
    namespace.remove(Key("ControllerRevision", "default", namespace.old.key))
    assert namespace.look() == ("new", reasons.INIT_FAILED)


def test_an_instance_that_is_ready_ends_a_failure_for_good(namespace: Namespace) -> None:
    namespace.failed_pod()
    namespace.look()
    namespace.remove(Key("Pod", "default", "greet-1"))
    namespace.put(pod("greet-2", ready=True, **of_replica_set(namespace.new.key)))
    assert namespace.look() == ("new", reasons.READY)
    namespace.remove(Key("Pod", "default", "greet-2"))
    namespace.restart()
    assert namespace.look() == ("new", reasons.READY)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_quota_is_forgotten_when_the_deployment_says_no_more_of_it(
    namespace: Namespace, *, restarted: bool
) -> None:
    key = Key("Deployment", "default", namespace.new.key)
    plain = namespace.informer.get(key)
    assert plain is not None
    refused = condition("ReplicaFailure", "True", "FailedCreate", 'pods "x" is forbidden: exceeded quota: q')
    namespace.put({**plain, "status": {"conditions": [refused]}})
    assert namespace.look() == ("old", reasons.QUOTA_EXCEEDED)
    if restarted:
        namespace.restart()
        assert namespace.look() == ("old", reasons.QUOTA_EXCEEDED)
    namespace.put({**plain, "status": {"conditions": []}})
    assert namespace.look() == ("new", reasons.READY)


def test_a_webhook_that_rewrites_a_value_is_answered_once_in_a_while(namespace: Namespace) -> None:
    namespace.status["wanted"] = {namespace.new.key: "1"}
    key = Key("Deployment", "default", namespace.new.key)

    def looks(now: str) -> Children:
        every, about = {namespace.new.key, namespace.old.key}, namespace.function
        return namespace.keeper.plan(
            about, [namespace.new], serving=None, current=every, informer=namespace.informer, now=now
        )

    rewritten = copy.deepcopy(namespace.informer.get(key))
    assert rewritten is not None
    rewritten["spec"]["progressDeadlineSeconds"] = 1
    namespace.put(rewritten)
    (manifest,) = looks(NOW).applies
    namespace.keeper.applied(manifest, rewritten, NOW)
    again = looks(NOW)
    assert (again.applies, again.events) == ((), ())
    assert len(looks(LATER).applies) == 1
    # Once it stays, a change by hand is put back at once again.
    namespace.keeper.applied(manifest, dict(manifest), LATER)
    assert len(looks(LATER).applies) == 1


async def test_what_stands_in_nobodys_way_any_more_is_not_read_again(namespace: Namespace) -> None:
    about, key = namespace.function, Key("Deployment", "default", namespace.new.key)
    manifest = deployment_manifest(about, namespace.new.key, template(namespace.new))
    namespace.remove(key)
    namespace.kube.stranger = {"kind": "Deployment", "metadata": {"name": key.name, "namespace": "default"}}
    await namespace.keeper.create(manifest)
    owner = Key("Function", "default", "greet")
    await namespace.keeper.look_again(owner)
    assert namespace.kube.reads == 2
    # The revision is not wanted any more.
    namespace.keeper.plan(about, [], serving=None, current=None, informer=namespace.informer, now=NOW)
    await namespace.keeper.look_again(owner)
    assert namespace.kube.reads == 2


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ForbiddenError('deployments.apps "x" is forbidden: exceeded quota: q'), reasons.QUOTA_EXCEEDED),
        (KubeError("failed calling webhook"), reasons.WRITE_REFUSED),
    ],
    ids=["a quota", "a webhook that is down"],
)
async def test_a_child_that_cannot_be_made_is_told_by_the_next_look(
    namespace: Namespace, error: KubeError, reason: str
) -> None:
    namespace.kube.error = error
    about, key = namespace.function, namespace.new.key
    namespace.remove(Key("Deployment", "default", key))
    manifest = deployment_manifest(about, key, template(namespace.new))
    assert await namespace.keeper.create(manifest) == 0.5
    namespace.status["wanted"] = {key: "1"}
    namespace.keeper.plan(
        namespace.function, [namespace.new], serving=None, current=None, informer=namespace.informer, now=NOW
    )
    assert namespace.look() == ("old", reason)
    assert await namespace.keeper.create(manifest) == 30.0


def test_that_no_node_had_room_is_doubted_after_a_while(namespace: Namespace) -> None:
    unscheduled = condition("PodScheduled", "False", "Unschedulable", "0/1 nodes", "2026-01-02T03:00:00Z")
    namespace.put(pod("greet-1", conditions=(unscheduled,), **of_replica_set(namespace.new.key)))
    assert namespace.look() == ("old", reasons.NO_NODE)
    namespace.remove(Key("Pod", "default", "greet-1"))
    assert namespace.look() == ("old", reasons.NO_NODE)
    assert namespace.look(LATER) == ("new", reasons.READY)


def test_a_pod_that_merely_looks_like_one_is_neither_counted_nor_deleted(namespace: Namespace) -> None:
    labels = {"funclet.dev/revision": namespace.new.key}
    namespace.put(pod("mine", ready=True, labels=labels, ownerReferences=[]))
    namespace.put(pod("done", phase="Succeeded", labels=labels, ownerReferences=[]))
    states = namespace.keeper.states("default", "greet", namespace.informer, NOW)
    assert {state.instances for state in states.values()} == {0}
    children = namespace.keeper.plan(
        namespace.function, [namespace.new], serving=None, current=None, informer=namespace.informer, now=NOW
    )
    assert children.deletes == ()


def test_instances_are_counted_while_their_deployment_is_on_its_way_out(namespace: Namespace) -> None:
    key = Key("Deployment", "default", namespace.new.key)
    plain = namespace.informer.get(key)
    assert plain is not None
    namespace.put({**plain, "metadata": {**plain["metadata"], "deletionTimestamp": NOW}})
    namespace.put(pod("greet-1", ready=True, **of_replica_set(namespace.new.key)))
    namespace.status["wanted"] = {namespace.new.key: "1"}
    namespace.keeper.plan(
        namespace.function, [namespace.new], serving=None, current=None, informer=namespace.informer, now=NOW
    )
    assert namespace.look() == ("new", reasons.CHILD_LEAVING)
    assert namespace.status["instances"] == 1
