import pytest

from funclet.plan import reasons
from funclet.plan.observed import RevisionState
from funclet.plan.pod_state import Told, believed, revision_state
from funclet.plan.routes import Unavailable
from support.objects import NOW
from support.pods import condition, deployment, ended, pod, waiting

BOOM = Unavailable(reasons.INIT_FAILED, "Boom: no")


def test_instances_are_those_that_start_and_those_that_are_ready() -> None:
    assert revision_state([pod("a", ready=True), pod("b")], None, NOW) == RevisionState(instances=2, ready=1)


def test_a_pod_that_goes_ended_or_was_lost_is_no_instance() -> None:
    lost = pod("c", ready=True)
    lost["status"]["reason"] = "NodeLost"
    gone = [
        pod("a", ready=True, deletionTimestamp=NOW),
        pod("b", last=ended(0)),
        lost,
        pod("d", phase="Failed"),
    ]
    assert revision_state(gone, None, NOW) == RevisionState()


def test_a_revision_with_a_ready_instance_can_start() -> None:
    bad = pod("b", state=waiting("ErrImagePull"))
    assert revision_state([pod("a", ready=True), bad], None, NOW).failure is None


def test_a_quota_leaves_a_revision_with_no_instance() -> None:
    full = deployment(condition("ReplicaFailure", "True", "FailedCreate", "exceeded quota: small"))
    state = revision_state([], full, NOW)
    assert state.failure is not None
    assert state.failure.reason == reasons.QUOTA_EXCEEDED


def test_a_failure_outlives_the_pod_that_showed_it() -> None:
    first = revision_state([pod(state=ended(3, BOOM.message))], None, NOW)
    assert first.failure == BOOM
    assert revision_state([], None, NOW, told=BOOM).failure == BOOM
    assert revision_state([pod("b")], None, NOW, told=BOOM).failure == BOOM


def test_a_ready_instance_ends_a_failure() -> None:
    assert revision_state([pod(ready=True)], None, NOW, told=BOOM).failure is None


@pytest.mark.parametrize(
    ("reason", "seconds"),
    [
        (reasons.INIT_FAILED, None),
        (reasons.IMAGE_UNAVAILABLE, None),
        (reasons.NO_NODE, 240.0),
        (reasons.CONFIGURATION_MISSING, 240.0),
        (reasons.QUOTA_EXCEEDED, 0.0),
        (reasons.POD_REFUSED, 0.0),
        (reasons.ROLE_NOT_FOUND, 0.0),
    ],
)
def test_how_long_a_failure_counts_that_shows_no_more(reason: str, seconds: float | None) -> None:
    told = Told(Unavailable(reason, "no"), "2026-01-02T03:03:05Z")
    assert believed(told, NOW) == seconds
    assert believed(None, NOW) == 0.0


def test_what_may_have_been_mended_is_doubted_at_last() -> None:
    assert believed(Told(Unavailable(reasons.NO_NODE, "no"), "2026-01-01T00:00:00Z"), NOW) == 0.0
