from typing import Any

import pytest

from funclet.api.function import Function
from funclet.api.rules import parse
from funclet.plan import reasons
from funclet.plan.function import plan_function, serving_revision
from funclet.plan.observed import CodeState, FunctionObserved, RevisionState
from funclet.plan.plan import Event, Key, Plan
from funclet.plan.revision import Platform, ResolvedRuntime
from funclet.plan.revisions import latest_revision
from funclet.plan.routes import Unavailable
from support.objects import (
    CODE,
    NOW,
    PLATFORM,
    SHA,
    PlainStore,
    alias,
    function,
    function_manifest,
    said,
    stored,
    version,
)

OLD = "greet-latest-old"
LAYER = "arn:aws:lambda:us-east-1:123456789012:layer:x:1"


def key_of(found: Function) -> str:
    revision = latest_revision(found, CODE, PLATFORM)
    assert not isinstance(revision, Unavailable)
    return revision.key


def plan(found: Function, **observed: Any) -> Plan:
    return plan_function(found, FunctionObserved(**{"code": CODE, **observed}), PLATFORM, NOW)


def test_what_is_seen_for_the_first_time_is_in_progress_at_once() -> None:
    found = parse(stored(function_manifest()), unknown="refuse")
    assert isinstance(found, Function)
    first = plan(found, code=None)
    assert said(first) == ("Unknown", reasons.OBSERVED)
    assert said(first, "Reconciling") == ("True", reasons.OBSERVED)
    assert first.requeue_after == 0.0
    assert first.applies == ()


def test_a_function_without_instances_is_ready_and_not_active() -> None:
    done = plan(function())
    assert said(done) == ("True", reasons.READY)
    assert said(done, "Active") == ("False", reasons.SCALED_TO_ZERO)
    assert done.status is not None
    assert done.status["functionArn"] == "arn:aws:lambda:us-east-1:123456789012:function:greet"
    assert done.status["codeSha256"] == SHA
    assert done.status["latestRevision"] == done.status["servingRevision"]


def test_instances_of_all_revisions_are_counted() -> None:
    done = plan(function(), revisions={"a": RevisionState(2, 1), "b": RevisionState(1, 1)})
    assert done.status is not None
    assert done.status["instances"] == 3
    assert said(done, "Active") == ("True", reasons.INSTANCES_RUNNING)


def test_code_that_is_on_its_way_is_waited_for() -> None:
    waiting = plan(function(), code=None)
    assert said(waiting) == ("Unknown", reasons.CODE_PENDING)
    assert said(waiting, "Stalled") == ("False", reasons.CODE_PENDING)


@pytest.mark.parametrize(
    ("spec", "code", "reason"),
    [
        ({"runtime": "nodejs22.x"}, CODE, reasons.RUNTIME_NOT_AVAILABLE),
        ({"concurrency": {"perInstance": 2}}, CODE, reasons.NOT_SUPPORTED),
        ({}, Unavailable(reasons.CODE_NOT_FOUND, "no such blob"), reasons.CODE_NOT_FOUND),
    ],
)
def test_what_cannot_run_is_stalled_and_publishes_nothing(
    spec: dict[str, Any], code: Any, reason: str
) -> None:
    stuck = plan(function(publish="Auto", **spec), code=code)
    assert said(stuck) == ("False", reason)
    assert said(stuck, "Stalled") == ("True", reason)
    assert stuck.applies == ()
    assert [event.reason for event in stuck.events] == [reason]
    assert stuck.requeue_after == 30.0


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"url": {"authType": "NONE"}}, "spec.url"),
        ({"async": {"maximumRetryAttempts": 0}}, "spec.async"),
        ({"layers": [LAYER]}, "spec.layers"),
        ({"role": "arn:aws:iam::123456789012:role/r"}, "spec.role: the ARN of an IAM role"),
        ({"logging": {"format": "JSON", "applicationLevel": "DEBUG"}}, "spec.logging.applicationLevel"),
        ({"logging": {"format": "JSON", "systemLevel": "WARN"}}, "spec.logging.systemLevel"),
        ({"layers": [LAYER], "url": {"authType": "NONE"}}, "spec.layers, spec.url"),
        ({"async": {"onFailure": {"destination": "x"}}, "url": {"authType": "NONE"}}, "spec.url, spec.async"),
    ],
)
def test_what_nothing_serves_yet_is_told_and_the_function_is_served_all_the_same(
    spec: dict[str, Any], field: str
) -> None:
    done = plan(function(publish="Auto", **spec))
    assert said(done) == ("False", reasons.NOT_SUPPORTED)
    assert done.events[-1].message == f"{field} is not supported yet; $LATEST can be called without it"
    assert done.status is not None
    assert done.status["servingRevision"] == done.status["latestRevision"]
    assert [each["spec"]["version"] for each in done.applies] == ["1"]


@pytest.mark.parametrize(
    "spec",
    [
        {"secrets": [{"name": "db", "prefix": ""}], "configMaps": [{"name": "db", "mountPath": "/etc/db"}]},
        {"network": {"egress": "None"}, "role": "reader", "logging": {"format": "JSON"}},
        {"ephemeralStorage": "1Gi", "tags": {"a": "b"}, "concurrency": {"reserved": 1}},
    ],
)
def test_a_cluster_serves_what_a_laptop_has_not(spec: dict[str, Any]) -> None:
    cluster = Platform(None, PLATFORM.region, PLATFORM.runtimes)
    done = plan_function(function(**spec), FunctionObserved(CODE), cluster, NOW)
    assert said(done) == ("True", reasons.READY)


def test_async_settings_that_say_nothing_new_are_not_told() -> None:
    spec: dict[str, Any] = {"async": {"maximumRetryAttempts": 2}}
    assert said(plan(function(**spec))) == ("True", reasons.READY)


def test_a_missing_runtime_names_those_that_are_there() -> None:
    stuck = plan(function(runtime="nodejs22.x"))
    assert "available: provided, python, python3.11" in stuck.events[0].message


@pytest.mark.parametrize(
    ("rival", "reason"),
    [
        (function("another", created="2026-01-01T00:00:00Z", functionName="greet"), reasons.NAME_TAKEN),
        (function("another", functionName="greet"), reasons.NAME_TAKEN),
        (function("zebra", functionName="greet"), reasons.READY),
        (function("another", created="2027-01-01T00:00:00Z", functionName="greet"), reasons.READY),
    ],
    ids=["older", "as old, sorts first", "as old, sorts last", "younger"],
)
def test_of_two_functions_with_one_name_the_older_wins(rival: Function, reason: str) -> None:
    assert said(plan(function(), rivals=(rival,)))[1] == reason


@pytest.mark.parametrize(
    ("states", "serving"),
    [
        ({}, "new"),
        ({"old": RevisionState(0)}, "new"),
        ({"old": RevisionState(1, 1)}, "old"),
        ({"old": RevisionState(1, 1), "new": RevisionState(1, 0)}, "old"),
        ({"old": RevisionState(1, 1), "new": RevisionState(1, 1)}, "new"),
        ({"old": RevisionState(1, 1), "new": RevisionState(0, 0, Unavailable("InitFailed", "boom"))}, "old"),
        ({"old": RevisionState(0), "new": RevisionState(0, 0, Unavailable("InitFailed", "boom"))}, "old"),
        ({"new": RevisionState(0, 0, Unavailable("InitFailed", "boom"))}, "new"),
    ],
    ids=[
        "nobody knows the old one",
        "the old one has no instance",
        "the new one has not started",
        "the new one is starting",
        "the new one is ready",
        "the new one fails while the old one runs",
        "the new one fails and the old one can be started",
        "the new one fails and the old one is forgotten",
    ],
)
def test_a_changed_latest_takes_over_when_it_is_ready(states: dict[str, RevisionState], serving: str) -> None:
    assert serving_revision("old", "new", states) == serving


def test_a_change_is_in_progress_until_it_serves() -> None:
    waiting = plan(function(status={"servingRevision": OLD}), revisions={OLD: RevisionState(1, 1)})
    assert said(waiting) == ("Unknown", reasons.REVISION_STARTING)
    assert waiting.status is not None
    assert waiting.status["servingRevision"] == OLD


def test_a_change_that_cannot_start_is_told_while_the_old_one_serves() -> None:
    found = function(status={"servingRevision": OLD})
    failure = Unavailable("InitFailed", "ImportError: no module named nope")
    states = {OLD: RevisionState(1, 1), key_of(found): RevisionState(0, 0, failure)}
    broken = plan(found, revisions=states)
    assert said(broken) == ("False", "InitFailed")
    (event,) = broken.events
    assert event.type == "Warning"
    assert "no module named nope" in event.message
    assert f"{OLD} goes on serving" in event.message


def test_auto_publishes_a_version_and_remembers_its_number_first() -> None:
    done = plan(function(publish="Auto", memory="1Gi"))
    assert done.status_before is not None
    assert done.status_before["lastVersion"] == 1
    assert "publication" not in done.status_before
    (made,) = done.applies
    assert made["spec"]["version"] == "1"
    assert made["spec"]["memory"] == "1Gi"
    assert made["spec"]["timeout"] == "3s"
    assert made["spec"]["runtimeDigest"] == "local:1111"
    assert made["metadata"]["ownerReferences"][0]["controller"] is True
    assert done.status is not None
    assert done.status["publication"]["version"] == "1"
    assert Event("Normal", reasons.PUBLISHED, "published version 1") in done.events


@pytest.mark.parametrize(
    ("status", "versions", "aliases", "number"),
    [
        ({}, (), (), "1"),
        ({"lastVersion": 7}, (), (), "8"),
        ({"lastVersion": 2}, (version(5, made=True, memory="1Gi"),), (), "6"),
        ({}, (), (alias("live", "9"),), "10"),
        ({}, (), (alias("live", "2", routingConfig={"additionalVersionWeights": {"11": 0.5}}),), "12"),
        ({"lastVersion": 4}, (version(3, made=True, memory="1Gi"),), (alias("live", "$LATEST"),), "5"),
    ],
    ids=["none", "remembered", "existing", "an alias after a restore", "a weight", "the greatest"],
)
def test_a_number_is_above_all_that_were_ever_used(
    status: Any, versions: Any, aliases: Any, number: str
) -> None:
    done = plan(function(publish="Auto", status=status), versions=versions, aliases=aliases)
    assert done.applies[0]["spec"]["version"] == number


def test_manual_publishes_nothing_unasked() -> None:
    assert plan(function()).applies == ()


def asked(request: str, **annotations: str) -> PlainStore:
    store = PlainStore()
    manifest = function_manifest()
    manifest["metadata"]["annotations"] = {"funclet.dev/publish": request, **annotations}
    store.apply(manifest)
    return store


def test_a_request_publishes_once_and_is_answered_in_the_status() -> None:
    store = asked("r-1", **{"funclet.dev/publish-description": "the first"})
    store.settle()
    (made,) = store.versions()
    assert made.spec.description == "the first"
    status = store.objects[Key("Function", "default", "greet")]["status"]
    assert (status["publication"]["request"], status["publication"]["version"]) == ("r-1", "1")
    assert store.settle() == []


def test_a_request_with_nothing_new_is_answered_with_the_existing_version() -> None:
    store = asked("r-1")
    store.settle()
    manifest = function_manifest()
    manifest["metadata"]["annotations"] = {"funclet.dev/publish": "r-2"}
    store.apply(manifest)
    ((_, answer),) = store.settle()
    assert len(store.versions()) == 1
    assert answer.status is not None
    assert answer.status["publication"]["request"] == "r-2"
    assert answer.status["publication"]["version"] == "1"
    assert [event.reason for event in answer.events] == [reasons.UNCHANGED]


def test_a_request_after_its_version_was_deleted_makes_another_number() -> None:
    store = asked("r-1")
    store.settle()
    store.delete(Key("FunctionVersion", "default", store.versions()[0].metadata.name))
    store.settle()
    assert store.versions() == []
    manifest = function_manifest()
    manifest["metadata"]["annotations"] = {"funclet.dev/publish": "r-2"}
    store.apply(manifest)
    store.settle()
    assert [each.spec.version for each in store.versions()] == ["2"]


def test_auto_does_not_bring_back_a_version_that_was_deleted() -> None:
    store = PlainStore()
    store.apply(function_manifest(publish="Auto"))
    store.settle()
    store.delete(Key("FunctionVersion", "default", store.versions()[0].metadata.name))
    store.settle()
    assert store.versions() == []


def test_going_back_to_older_settings_is_a_new_version() -> None:
    store = PlainStore()
    for memory in ("128Mi", "256Mi", "128Mi"):
        store.apply(function_manifest(publish="Auto", memory=memory))
        store.settle()
    assert [each.spec.version for each in store.versions()] == ["1", "2", "3"]


def test_a_function_level_change_publishes_nothing() -> None:
    store = PlainStore()
    for reserved in (1, 2):
        store.apply(function_manifest(publish="Auto", concurrency={"reserved": reserved}))
        store.settle()
    assert [each.spec.version for each in store.versions()] == ["1"]


def test_the_publish_alias_follows_the_newest_version() -> None:
    store = PlainStore()
    for memory in ("128Mi", "256Mi"):
        store.apply(function_manifest(publish="Auto", publishAlias="live", memory=memory))
        store.settle()
    (live,) = store.aliases()
    assert (live.spec.name, live.spec.version) == ("live", "2")
    assert live.status.alias_arn == "arn:aws:lambda:us-east-1:123456789012:function:greet:live"


def test_a_foreign_alias_of_that_name_is_left_alone_and_told_once() -> None:
    found = function(publish="Auto", publishAlias="live")
    done = plan(found, aliases=(alias("live", "1"),))
    assert [manifest["kind"] for manifest in done.applies] == ["FunctionVersion"]
    assert said(done, "AliasFollows") == ("False", reasons.ALIAS_NOT_OWNED)
    assert [event.reason for event in done.events if event.type == "Warning"] == [reasons.ALIAS_NOT_OWNED]
    again = plan(
        function(publish="Auto", publishAlias="live", status=done.status), aliases=(alias("live", "1"),)
    )
    assert [event for event in again.events if event.type == "Warning"] == []


def test_surplus_versions_go_oldest_first_and_never_one_that_an_alias_names() -> None:
    versions = tuple(version(number, made=True, memory=f"{128 + number}Mi") for number in (1, 2, 3, 4))
    named = alias("live", "2", routingConfig={"additionalVersionWeights": {"1": 0.5}})
    done = plan(function(publish="Auto", keepVersions=2), versions=versions, aliases=(named,))
    assert [key.name for key in done.deletes] == ["greet-by-hand-3"]
    assert done.applies[0]["spec"]["version"] == "5"


def test_a_version_that_a_user_applied_is_never_pruned() -> None:
    by_hand = version(1, status={"functionArn": "arn"})
    done = plan(function(keepVersions=1), versions=(by_hand, version(2, made=True, memory="1Gi")))
    assert done.deletes == ()


def test_a_hand_applied_version_is_decided_about_before_a_number_is_given_out() -> None:
    waiting = plan(function(publish="Auto"), versions=(version(1, memory="1Gi"),))
    assert waiting.applies == ()
    assert waiting.status is not None
    assert waiting.status["lastVersion"] == 0


def test_a_stand_in_for_the_runtime_is_told_once() -> None:
    stand_in = ResolvedRuntime("python3.11", "local:1", "python3.12 is not installed; python3.11 stands in")
    platform = Platform("1", "r", {"python3.11": stand_in})
    done = plan_function(function(), FunctionObserved(CODE), platform, NOW)
    assert [event.reason for event in done.events] == [reasons.RUNTIME_SUBSTITUTED, reasons.READY]
    again = plan_function(function(status=done.status), FunctionObserved(CODE), platform, NOW)
    assert again.events == ()
    assert again.status == done.status


def test_what_is_being_deleted_is_left_alone() -> None:
    found = parse(stored(function_manifest(), deletionTimestamp=NOW), unknown="refuse")
    assert isinstance(found, Function)
    assert plan(found) == Plan()


def test_a_status_that_is_right_stays_as_it_is_whatever_the_time() -> None:
    done = plan(function())
    later = plan_function(
        function(status=done.status), FunctionObserved(CODE), PLATFORM, "2027-01-01T00:00:00Z"
    )
    assert later.status == done.status
    assert later.events == ()


def test_what_gateways_write_into_the_status_is_not_said_again() -> None:
    done = plan(function(status={"wanted": {"greet-latest-x": "1"}}))
    assert done.status is not None
    assert "wanted" not in done.status


def test_changed_code_is_another_revision() -> None:
    one, other = plan(function()), plan(function(), code=CodeState("b" * 64))
    assert one.status is not None
    assert other.status is not None
    assert one.status["latestRevision"] != other.status["latestRevision"]
