"""Any sequence of edits, publishes, deletions and restores, with the promises that must survive it."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from funclet.api.function import Function
from funclet.plan import function, publish
from funclet.plan.deletes import named_versions
from funclet.plan.observed import CodeState, FunctionObserved
from funclet.plan.owners import made_by
from funclet.plan.plan import Key, Plan
from support.objects import PlainStore, alias_manifest, function_manifest, version_manifest

GREET = Key("Function", "default", "greet")


class WatchedStore(PlainStore):
    """Checks each plan as it is carried out."""

    def __init__(self) -> None:
        super().__init__()
        #: since the status was last lost
        self.highest = 0

    def carry_out(self, key: Key, plan: Plan) -> bool:
        named = {number for alias in self.aliases() for number in named_versions(alias)}
        existing = {int(version.spec.version) for version in self.versions()}
        for gone in plan.deletes:
            assert self.objects[gone]["spec"]["version"] not in named
        for manifest in plan.applies:
            if manifest["kind"] == "FunctionVersion" and "spec" in manifest:
                number = int(manifest["spec"]["version"])
                numbers = {int(each) for each in named if each.isdecimal()}
                never_published = self.highest == 0 and not existing
                assert number > max(self.highest, *existing, *numbers, 0) or (
                    never_published and (number, numbers) == (1, {1})
                )
                assert plan.status_before is not None
                assert plan.status_before["lastVersion"] == number
                self.highest = number
        return super().carry_out(key, plan)


class Versions(RuleBasedStateMachine):
    """One function, its versions and aliases."""

    def __init__(self) -> None:
        super().__init__()
        self.store = WatchedStore()
        self.spec: dict[str, Any] = {}
        self.annotations: dict[str, str] = {}
        self.requests = 0
        self.put()

    def put(self) -> None:
        manifest = function_manifest(**self.spec)
        manifest["metadata"]["annotations"] = dict(self.annotations)
        self.store.apply(manifest)
        self.store.settle()

    def some_version(self, index: int) -> Key:
        keys = sorted(key for key in self.store.objects if key.kind == "FunctionVersion")
        return keys[index % len(keys)]

    def has_versions(self) -> bool:
        return bool(self.store.versions())

    @rule(memory=st.sampled_from(["128Mi", "256Mi", "512Mi"]))
    def edit_a_versioned_field(self, memory: str) -> None:
        self.spec["memory"] = memory
        self.put()

    @rule(sha256=st.sampled_from("abc"))
    def upload_code(self, sha256: str) -> None:
        self.store.code = CodeState(sha256 * 64)
        self.store.settle()

    @rule(reserved=st.integers(0, 3))
    def edit_a_function_level_field(self, reserved: int) -> None:
        self.spec["concurrency"] = {"reserved": reserved}
        before = len(self.store.versions())
        self.put()
        assert len(self.store.versions()) <= before

    @rule(publish=st.sampled_from(["Auto", "Manual"]))
    def choose_who_publishes(self, publish: str) -> None:
        self.spec["publish"] = publish
        if publish == "Manual":
            self.spec.pop("publishAlias", None)
        self.put()

    @rule()
    def publish(self) -> None:
        self.requests += 1
        self.annotations["funclet.dev/publish"] = f"r-{self.requests}"
        self.put()
        answer = self.store.objects[GREET]["status"]["publication"]
        assert answer["request"] == f"r-{self.requests}"
        assert answer["version"] in {each.spec.version for each in self.store.versions()}

    @rule(keep=st.one_of(st.none(), st.integers(1, 3)))
    def keep_versions(self, keep: int | None) -> None:
        self.spec.pop("keepVersions", None)
        if keep is not None:
            self.spec["keepVersions"] = keep
        self.put()

    @rule(follow=st.booleans())
    def follow_with_an_alias(self, *, follow: bool) -> None:
        self.spec.pop("publishAlias", None)
        if follow:
            self.spec |= {"publish": "Auto", "publishAlias": "auto"}
        self.put()

    @precondition(has_versions)
    @rule(index=st.integers(0, 9))
    def point_an_alias(self, index: int) -> None:
        number = self.store.objects[self.some_version(index)]["spec"]["version"]
        self.store.apply(alias_manifest("live", number))
        self.store.settle()

    @rule(number=st.integers(1, 3))
    def point_an_alias_at_what_may_not_be_there(self, number: int) -> None:
        self.store.apply(alias_manifest("ahead", str(number)))
        self.store.settle()

    @precondition(has_versions)
    @rule(index=st.integers(0, 9))
    def delete_a_version(self, index: int) -> None:
        self.store.delete(self.some_version(index))
        self.store.settle()

    @rule(number=st.integers(1, 12))
    def apply_a_version_by_hand(self, number: int) -> None:
        if Key("FunctionVersion", "default", f"greet-by-hand-{number}") not in self.store.objects:
            self.store.apply(version_manifest(number, memory="1Gi"))
            self.store.settle()

    @rule()
    def restore_without_any_status(self) -> None:
        for manifest in self.store.objects.values():
            manifest.pop("status", None)
        self.store.highest = 0
        self.store.settle()

    @invariant()
    def planning_again_gives_nothing_to_do(self) -> None:
        for key, manifest in self.store.objects.items():
            plan = self.store.plan(key, "2027-01-01T00:00:00Z")
            assert (plan.deletes, plan.applies, plan.status_before, plan.events) == ((), (), None, ())
            assert plan.status == manifest["status"]

    @invariant()
    def the_counter_is_at_or_above_all_versions_that_count(self) -> None:
        last = self.store.objects[GREET]["status"]["lastVersion"]
        counted = [int(each.spec.version) for each in self.store.versions() if each.status.function_arn]
        assert last >= max(counted, default=0)

    @invariant()
    def no_more_versions_are_kept_than_asked_for(self) -> None:
        found = self.store._function("greet")
        assert found is not None
        if found.spec.keep_versions is None:
            return
        named = {number for alias in self.store.aliases() for number in named_versions(alias)}
        counted = [each for each in self.store.versions() if each.status.function_arn]
        newest = max((int(each.spec.version) for each in counted), default=0)
        loose = [each for each in counted if each.spec.version not in named]
        removable = [each for each in loose if made_by(found, each) and int(each.spec.version) != newest]
        assert not removable or len(loose) <= found.spec.keep_versions


Versions.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestVersions = Versions.TestCase


def forgetful(_: Function, observed: FunctionObserved) -> int:
    """Number as if only what exists had ever been."""
    return max((int(version.spec.version) for version in observed.versions), default=0) + 1


def careless(*_: object, **__: object) -> tuple[Key, ...]:
    """Keep everything, whatever is asked for."""
    return ()


def test_the_machine_notices_a_number_that_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "next_number", forgetful)
    machine = Versions()
    machine.choose_who_publishes("Auto")
    machine.delete_a_version(0)
    with pytest.raises(AssertionError):
        machine.edit_a_versioned_field("256Mi")


def test_the_machine_notices_versions_that_are_kept_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function, "surplus_versions", careless)
    machine = Versions()
    machine.choose_who_publishes("Auto")
    machine.keep_versions(1)
    machine.edit_a_versioned_field("256Mi")
    with pytest.raises(AssertionError):
        machine.no_more_versions_are_kept_than_asked_for()
