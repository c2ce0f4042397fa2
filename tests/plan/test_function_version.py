from typing import Any

import pytest

from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.plan import reasons
from funclet.plan.function_version import plan_version
from funclet.plan.observed import CodeState, RevisionState, VersionObserved
from funclet.plan.plan import Key, Plan
from funclet.plan.routes import Unavailable
from support.objects import (
    CODE,
    NOW,
    PLATFORM,
    PlainStore,
    function,
    function_manifest,
    said,
    version,
    version_manifest,
)


def plan(found: FunctionVersion, of: Function | None = None, **observed: Any) -> Plan:
    around = VersionObserved(**{"function": of or function(), "code": CODE, **observed})
    return plan_version(found, around, PLATFORM, NOW)


def test_a_version_that_funclet_made_is_ready_with_its_own_arn() -> None:
    done = plan(version(3, made=True), function(status={"lastVersion": 3}))
    assert said(done) == ("True", reasons.READY)
    assert done.status is not None
    assert done.status["functionArn"] == "arn:aws:lambda:us-east-1:123456789012:function:greet:3"
    assert done.status["revision"].startswith("greet-v3-")
    assert done.applies == ()


def test_a_version_applied_by_hand_gets_its_function_as_owner_and_nothing_else() -> None:
    done = plan(version(3), function(status={"lastVersion": 2}))
    assert said(done) == ("True", reasons.READY)
    (adoption,) = done.applies
    assert "spec" not in adoption
    assert adoption["metadata"]["ownerReferences"] == [
        {"apiVersion": "funclet.dev/v1alpha1", "kind": "Function", "name": "greet", "uid": "uid-greet"}
    ]


@pytest.mark.parametrize(
    ("number", "spec", "last", "reason", "told"),
    [
        (3, {}, 3, reasons.VERSION_NUMBER_USED, "the next free one is 4"),
        (1, {}, 3, reasons.VERSION_NUMBER_USED, "the next free one is 4"),
    ],
)
def test_a_version_applied_by_hand_must_be_new(
    number: int, spec: Any, last: int, reason: str, told: str
) -> None:
    refused = plan(version(number, **spec), function(status={"lastVersion": last}))
    assert said(refused, "Stalled") == ("True", reason)
    assert told in refused.events[0].message
    assert refused.applies == ()
    assert refused.status is not None
    assert "functionArn" not in refused.status


def test_a_version_applied_by_hand_must_be_complete() -> None:
    incomplete = version(3).model_copy(
        update={"spec": version(3).spec.model_copy(update={"runtime_digest": None})}
    )
    refused = plan(incomplete)
    assert said(refused, "Stalled") == ("True", reasons.VERSION_INCOMPLETE)
    assert "spec.runtimeDigest" in refused.events[0].message


def test_an_admitted_version_stays_admitted_when_the_counter_moves_on() -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:greet:3"
    done = plan(version(3, status={"functionArn": arn}), function(status={"lastVersion": 9}))
    assert said(done) == ("True", reasons.READY)


@pytest.mark.parametrize(
    ("observed", "reason", "status"),
    [
        ({"function": None}, reasons.FUNCTION_NOT_FOUND, "False"),
        ({"code": None}, reasons.CODE_PENDING, "Unknown"),
        ({"code": CodeState("b" * 64)}, reasons.CODE_MISMATCH, "False"),
        ({"code": Unavailable(reasons.CODE_NOT_FOUND, "gone")}, reasons.CODE_NOT_FOUND, "False"),
        (
            {
                "rivals": (
                    version(3, made=True).model_copy(
                        update={"metadata": version(3).metadata.model_copy(update={"name": "a"})}
                    ),
                )
            },
            reasons.NAME_TAKEN,
            "False",
        ),
    ],
)
def test_what_is_wrong_with_a_version_is_said(observed: dict[str, Any], reason: str, status: str) -> None:
    around = VersionObserved(**{"function": function(), "code": CODE, **observed})
    assert said(plan_version(version(3, made=True), around, PLATFORM, NOW)) == (status, reason)


def test_a_version_waits_for_a_function_that_nobody_has_looked_at() -> None:
    unseen = function().model_copy(
        update={"status": function().status.model_copy(update={"observed_generation": None})}
    )
    assert said(plan(version(1), unseen)) == ("Unknown", reasons.FUNCTION_PENDING)


def test_instances_and_failures_of_its_revision_are_told() -> None:
    first = plan(version(3, made=True))
    assert first.status is not None
    key = first.status["revision"]
    running = plan(version(3, made=True), revisions={key: RevisionState(2, 2), "other": RevisionState(5, 5)})
    assert running.status is not None
    assert running.status["instances"] == 2
    broken = plan(
        version(3, made=True), revisions={key: RevisionState(0, 0, Unavailable("InitFailed", "boom"))}
    )
    assert said(broken) == ("False", "InitFailed")


def test_versions_applied_together_are_all_taken_before_the_next_number_is_given() -> None:
    store = PlainStore()
    for number in (3, 1, 2):
        store.apply(version_manifest(number, memory=f"{128 + number}Mi"))
    store.apply(function_manifest(publish="Auto"))
    store.settle()
    ready = {each.spec.version: each.status.function_arn for each in store.versions()}
    assert set(ready) == {"1", "2", "3", "4"}
    assert all(ready.values())
    assert store.objects[Key("Function", "default", "greet")]["status"]["lastVersion"] == 4


def test_a_number_that_was_used_is_refused_and_does_not_block_publishing() -> None:
    store = PlainStore()
    store.apply(function_manifest(publish="Auto"))
    store.settle()
    store.delete(Key("FunctionVersion", "default", store.versions()[0].metadata.name))
    store.apply(version_manifest(1, memory="1Gi"))
    store.settle()
    store.apply(function_manifest(publish="Auto", memory="2Gi"))
    store.settle()
    assert sorted(each.spec.version for each in store.versions() if each.status.function_arn) == ["2"]


def test_what_nothing_serves_yet_is_told_of_a_version_too() -> None:
    layers = ["arn:aws:lambda:us-east-1:123456789012:layer:x:1"]
    done = plan_version(
        version(1, made=True, layers=layers), VersionObserved(function(), CODE), PLATFORM, NOW
    )
    assert said(done) == ("False", reasons.NOT_SUPPORTED)
    assert done.events[0].message == "spec.layers is not supported yet; version 1 can be called without it"
    assert done.status is not None
    assert done.status["revision"]
