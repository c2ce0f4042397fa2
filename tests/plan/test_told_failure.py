"""A failure is read back from where it was told."""

from typing import Any

import pytest

from funclet.plan import reasons
from funclet.plan.function import plan_function
from funclet.plan.function_version import plan_version
from funclet.plan.observed import CodeState, FunctionObserved, RevisionState, VersionObserved
from funclet.plan.routes import Unavailable
from funclet.plan.told_failure import told_failure
from support.objects import CODE, NOW, PLATFORM, SHA, function, said, version

BOOM = Unavailable(reasons.INIT_FAILED, "ImportError: no module named nope")


def status_of(revisions: dict[str, RevisionState], **status: Any) -> Any:
    done = plan_function(function(status=status), FunctionObserved(CODE, revisions=revisions), PLATFORM, NOW)
    assert done.status is not None
    return done.status


@pytest.mark.parametrize("serving", [None, "greet-latest-old"], ids=["nothing else serves", "another serves"])
def test_what_was_told_of_a_function_is_read_back(serving: str | None) -> None:
    latest = status_of({})["latestRevision"]
    states = {latest: RevisionState(failure=BOOM), "greet-latest-old": RevisionState(1, 1)}
    status = status_of(states, **({"servingRevision": serving} if serving else {}))
    assert status["conditions"][0]["reason"] == reasons.INIT_FAILED
    assert told_failure({"status": status}) == (latest, BOOM)


def test_what_was_told_of_a_version_is_read_back() -> None:
    about = function(status={"functionArn": "arn"})

    def planned(states: dict[str, RevisionState]) -> Any:
        observed = VersionObserved(about, CodeState(SHA), revisions=states)
        return plan_version(version(1, made=True), observed, PLATFORM, NOW)

    before = planned({})
    assert before.status is not None
    key = before.status["revision"]
    told = planned({key: RevisionState(failure=BOOM)})
    assert said(told) == ("False", reasons.INIT_FAILED)
    assert told_failure({"status": told.status}) == (key, BOOM)


@pytest.mark.parametrize(
    "status",
    [
        {},
        status_of({}),
        {"latestRevision": "x", "conditions": [{"type": "Ready", "status": "False", "message": "x"}]},
        {"conditions": [{"type": "Ready", "status": "False", "message": "revision None cannot start: "}]},
    ],
    ids=["nothing said", "ready", "stalled for another reason", "no revision"],
)
def test_where_no_failure_was_told_none_is_read(status: dict[str, Any]) -> None:
    assert told_failure({"status": status}) is None


def test_a_child_on_its_way_out_is_waited_for_and_no_failure() -> None:
    leaving = Unavailable(reasons.CHILD_LEAVING, "Deployment x is being deleted")
    latest = status_of({})["latestRevision"]
    states = {latest: RevisionState(failure=leaving)}
    done = plan_function(function(), FunctionObserved(CODE, revisions=states), PLATFORM, NOW)
    assert said(done) == ("Unknown", reasons.CHILD_LEAVING)
    assert said(done, "Reconciling") == ("True", reasons.CHILD_LEAVING)
    assert done.events == ()
