import dataclasses
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from funclet.plan import reasons
from funclet.plan.children import ChildrenObserved, plan_children
from funclet.plan.plan import Key
from support.children import Namespace
from support.objects import NOW, version
from support.rendering import cluster, on_cluster, revision

BOTH = ["ControllerRevision", "Deployment"]


def settled(**given: Any) -> Namespace:
    """A namespace where the children of a wanted revision are there."""
    namespace = Namespace(**given)
    namespace.wanted = {namespace.revision.key}
    namespace.settle()
    return namespace


def test_a_revision_that_nobody_needs_has_no_children() -> None:
    assert Namespace().settle() == []


def test_the_record_comes_first_and_the_deployment_is_made_from_it() -> None:
    namespace = Namespace()
    namespace.wanted = {namespace.revision.key}
    first, second = namespace.settle()
    assert [each["kind"] for each in first.creates] == ["ControllerRevision"]
    assert [each["kind"] for each in second.creates] == ["Deployment"]
    assert second.creates[0]["spec"]["template"] == namespace.record["data"]["template"]


def test_a_deployment_is_made_at_zero() -> None:
    assert settled().deployment["spec"]["replicas"] == 0


def test_a_floor_needs_children_before_anybody_calls() -> None:
    namespace = Namespace(min_instances=2)
    namespace.settle()
    assert namespace.kinds() == BOTH


def test_children_go_with_their_owner() -> None:
    reference = {"kind": "Function", "uid": "uid-greet", "controller": True}
    for child in settled().objects.values():
        (owner,) = child["metadata"]["ownerReferences"]
        assert reference.items() <= owner.items()


def test_a_version_owns_its_own_children() -> None:
    one = version(1, status={"wanted": {"k": "now"}})
    key = revision().key
    plan = plan_children(one, {key: revision()}, {key}, ChildrenObserved(), cluster(), NOW)
    assert plan.creates[0]["metadata"]["ownerReferences"][0]["kind"] == "FunctionVersion"


def test_a_newer_operator_leaves_a_revision_as_it_was_made() -> None:
    namespace = settled()
    namespace.platform = {"region": "eu-west-1", "pods": {"runAsUser": 1000}}
    assert namespace.settle() == []


def test_a_newer_operator_heals_from_the_record() -> None:
    namespace = settled()
    before = namespace.deployment["spec"]["template"]
    namespace.platform = {"region": "eu-west-1", "pods": {"runAsUser": 1000}}
    del namespace.objects[Key("Deployment", "default", namespace.revision.key)]
    namespace.settle()
    assert namespace.deployment["spec"]["template"] == before


def test_a_changed_deployment_is_put_back_without_its_scale() -> None:
    namespace = settled()
    namespace.deployment["spec"]["replicas"] = 3
    namespace.deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "miner:latest"
    (plan,) = namespace.settle()
    assert [event.reason for event in plan.events] == [reasons.RESTORED]
    assert namespace.deployment["spec"]["replicas"] == 3
    assert "miner" not in namespace.deployment["spec"]["template"]["spec"]["containers"][0]["image"]


def test_what_is_put_back_is_this_very_deployment() -> None:
    """Were it deleted meanwhile, an apply without its uid would make another, with one instance."""
    namespace = settled()
    namespace.deployment["metadata"]["uid"] = "d-1"
    namespace.deployment["spec"]["progressDeadlineSeconds"] = 1
    (manifest,) = namespace.plan().applies
    assert manifest["metadata"]["uid"] == "d-1"


def test_a_deployment_that_does_not_stay_as_it_was_put_back_is_left_alone_for_a_while() -> None:
    """A webhook may change a value each time, and then each look would write and tell of it."""
    namespace = settled()
    namespace.deployment["spec"]["progressDeadlineSeconds"] = 1
    namespace.resisting = {namespace.revision.key: "2026-01-02T03:03:50Z"}
    plan = namespace.plan()
    assert (plan.applies, plan.events, plan.requeue_after) == ((), (), 45.0)
    namespace.now = "2026-01-02T03:04:50Z"
    assert len(namespace.plan().applies) == 1


def test_a_scale_is_nobodys_business_here() -> None:
    namespace = settled()
    namespace.deployment["spec"]["replicas"] = 40
    assert namespace.settle() == []


def added(namespace: Namespace) -> None:
    """Let somebody add a field that no apply takes away."""
    namespace.deployment["spec"]["template"]["spec"]["hostNetwork"] = True
    fields: dict[str, Any] = {"f:spec": {"f:template": {"f:spec": {"f:hostNetwork": {}}}}}
    namespace.deployment["metadata"]["managedFields"] = [{"manager": "kubectl-edit", "fieldsV1": fields}]


def test_what_was_added_to_a_deployment_goes_with_it_and_it_is_made_anew() -> None:
    namespace = settled()
    added(namespace)
    namespace.deployment["metadata"]["creationTimestamp"] = "2026-01-02T03:00:00Z"
    namespace.settle()
    assert "hostNetwork" not in namespace.deployment["spec"]["template"]["spec"]


def test_a_deployment_is_not_made_anew_again_and_again() -> None:
    namespace = settled()
    added(namespace)
    namespace.deployment["metadata"]["creationTimestamp"] = "2026-01-02T03:03:45Z"
    plan = namespace.plan()
    assert (plan.deletes, plan.requeue_after) == ((), 40.0)


def test_a_deleted_record_is_made_from_what_runs() -> None:
    namespace = settled()
    before = namespace.record
    del namespace.objects[Key("ControllerRevision", "default", namespace.revision.key)]
    namespace.settle()
    assert namespace.record["data"] == before["data"]


def test_a_record_deleted_before_an_upgrade_does_not_change_what_runs() -> None:
    namespace = settled()
    namespace.platform = {"pods": {"runAsUser": 1000}}
    del namespace.objects[Key("ControllerRevision", "default", namespace.revision.key)]
    namespace.settle()
    pod = namespace.record["data"]["template"]["spec"]
    assert pod["securityContext"]["runAsUser"] == 65532


def test_an_edit_does_not_become_the_truth_with_the_record_deleted() -> None:
    namespace = settled()
    namespace.deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "miner:latest"
    del namespace.objects[Key("ControllerRevision", "default", namespace.revision.key)]
    namespace.settle()
    assert "miner" not in str(namespace.record)
    assert "miner" not in str(namespace.deployment)


def test_a_record_that_says_nothing_is_replaced() -> None:
    namespace = settled()
    namespace.record["data"] = {"template": "evil"}
    namespace.settle()
    assert namespace.record["data"]["template"] == revision_template(namespace)


def revision_template(namespace: Namespace) -> Any:
    """The template that the Deployment was made from."""
    template = namespace.deployment["spec"]["template"]
    return {**namespace.record["data"]["template"], "metadata": template["metadata"]}


@pytest.mark.parametrize("kind", BOTH)
def test_an_object_of_somebody_else_is_told_of_and_left_alone(kind: str) -> None:
    namespace = settled()
    foreign = namespace.objects[Key(kind, "default", namespace.revision.key)]
    foreign["metadata"]["ownerReferences"] = []
    plan = namespace.plan()
    assert (plan.creates, plan.applies, plan.deletes) == ((), (), ())
    refused = plan.refused[namespace.revision.key]
    assert refused.reason == reasons.NOT_OWNED
    assert f"kubectl delete {kind.lower()} {namespace.revision.key} -n default" in refused.message


def test_a_child_of_an_earlier_function_of_the_same_name_is_waited_for() -> None:
    namespace = settled()
    namespace.deployment["metadata"]["ownerReferences"][0]["uid"] = "uid-before"
    plan = namespace.plan()
    assert plan.refused[namespace.revision.key].reason == reasons.CHILD_LEAVING
    assert plan.requeue_after == 1.0


def test_a_child_that_is_being_deleted_is_waited_for() -> None:
    namespace = settled()
    namespace.deployment["metadata"]["deletionTimestamp"] = NOW
    assert namespace.plan().refused[namespace.revision.key].reason == reasons.CHILD_LEAVING


def test_children_of_an_old_revision_go_once_none_of_its_pods_is_left() -> None:
    namespace = settled()
    namespace.current, namespace.wanted = set(), set()
    namespace.deployment["status"] = {"replicas": 1}
    assert namespace.settle() == []
    namespace.deployment["status"] = {}
    namespace.settle()
    assert namespace.objects == {}


def test_children_of_an_old_revision_that_is_scaled_stay() -> None:
    namespace = settled()
    namespace.current, namespace.wanted = set(), set()
    namespace.deployment["spec"]["replicas"] = 1
    assert namespace.settle() == []


def test_nothing_goes_while_it_is_not_known_what_is_current() -> None:
    namespace = settled()
    namespace.current, namespace.wanted = None, set()
    assert namespace.settle() == []


def test_an_owner_that_is_being_deleted_makes_and_removes_nothing() -> None:
    namespace = settled()
    leaving = namespace.function.metadata.model_copy(update={"deletion_timestamp": NOW})
    namespace.function = namespace.function.model_copy(update={"metadata": leaving})
    namespace.objects.clear()
    assert namespace.settle() == []


def test_a_revision_that_cannot_be_rendered_says_why() -> None:
    function = on_cluster(code={"image": {"ref": "app:1"}})
    one = revision(code={"image": {"ref": "app:1"}})
    plan = plan_children(function, {one.key: one}, {one.key}, ChildrenObserved(), cluster(), NOW)
    assert plan.refused[one.key].reason == reasons.IMAGE_COMMAND_MISSING
    assert dataclasses.replace(plan, refused={}) == type(plan)()


class Meddling(RuleBasedStateMachine):
    """Somebody changes and deletes children while gateways want and scale; the plans always come to rest."""

    def __init__(self) -> None:
        super().__init__()
        self.namespace = Namespace()

    @rule()
    def want(self) -> None:
        self.namespace.wanted.add(self.namespace.revision.key)

    @rule()
    def want_no_more(self) -> None:
        self.namespace.wanted.clear()

    @rule(replicas=st.integers(0, 3))
    @precondition(lambda self: "Deployment" in self.namespace.kinds())
    def scale(self, replicas: int) -> None:
        self.namespace.deployment["spec"]["replicas"] = replicas

    @property
    def is_legible(self) -> bool:
        """Whether it can be told what was meant: from the record, or because this operator rendered it."""
        return "ControllerRevision" in self.namespace.kinds() or not self.namespace.platform

    @rule(kind=st.sampled_from(BOTH))
    def delete(self, kind: str) -> None:
        if self.namespace.platform:
            self.namespace.settle()
        self.namespace.objects.pop(Key(kind, "default", self.namespace.revision.key), None)

    @rule(field=st.sampled_from(["image", "command", "env", "volumeMounts", "securityContext"]))
    @precondition(lambda self: "Deployment" in self.namespace.kinds() and self.is_legible)
    def edit(self, field: str) -> None:
        self.namespace.deployment["spec"]["template"]["spec"]["containers"][0].pop(field, None)

    @rule()
    @precondition(lambda self: self.namespace.kinds() != ["Deployment"])
    def upgrade(self) -> None:
        self.namespace.settle()
        self.namespace.platform = {"pods": {"runAsUser": 1000}}

    @rule(known=st.booleans())
    def supersede(self, known: bool) -> None:  # noqa: FBT001 - a strategy gives it
        self.namespace.current = {self.namespace.revision.key} if known else set()

    @rule()
    def reconcile(self) -> None:
        before = self.namespace.objects.get(Key("Deployment", "default", self.namespace.revision.key))
        scale = before and before["spec"]["replicas"]
        self.namespace.settle()
        if before is not None and "Deployment" in self.namespace.kinds():
            assert self.namespace.deployment["spec"]["replicas"] == scale

    @invariant()
    def nothing_is_left_after_the_plans(self) -> None:
        copy_of = Namespace()
        copy_of.__dict__.update({**self.namespace.__dict__, "objects": dict(self.namespace.objects)})
        copy_of.settle()
        for child in copy_of.objects.values():
            assert child["metadata"]["ownerReferences"][0]["uid"] == "uid-greet"
        deployments = [each for each in copy_of.objects.values() if each["kind"] == "Deployment"]
        for deployment in deployments:
            if copy_of.current and copy_of.kinds() == BOTH:
                container = deployment["spec"]["template"]["spec"]["containers"][0]
                assert {"image", "command", "env", "volumeMounts"} <= set(container)


TestMeddling = Meddling.TestCase
TestMeddling.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
