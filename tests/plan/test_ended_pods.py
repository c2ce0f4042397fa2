from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from funclet.plan.ended_pods import EndedPods, Streak, plan_ended
from support.objects import NOW
from support.pods import REVISION, ended, pod

START = datetime.fromisoformat(NOW)


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def test_the_first_pod_that_ended_goes_at_once() -> None:
    plan = plan_ended([pod(state=ended(1)), pod("b")], {}, NOW)
    assert [key.name for key in plan.deletes] == ["a"]


def test_one_that_the_kubelet_started_again_goes_too() -> None:
    assert plan_ended([pod(state={"running": {}}, last=ended(1))], {}, NOW).deletes


def test_one_that_is_going_is_left_to_go() -> None:
    assert plan_ended([pod(state=ended(1), deletionTimestamp=NOW)], {}, NOW) == EndedPods()


def test_the_next_one_waits() -> None:
    streaks = plan_ended([pod(state=ended(1))], {}, NOW).streaks
    held = plan_ended([pod("b", state=ended(1))], streaks, at(0.25))
    assert (held.deletes, held.look_again) == ((), 0.75)
    assert plan_ended([pod("b", state=ended(1))], held.streaks, at(1)).deletes


def test_one_that_its_node_gave_up_never_waits() -> None:
    streaks = {REVISION: Streak(9, START + timedelta(seconds=50))}
    assert plan_ended([pod(phase="Failed")], streaks, NOW).deletes


def test_pods_that_end_together_count_once() -> None:
    plan = plan_ended([pod("a", state=ended(1)), pod("b", state=ended(1))], {}, NOW)
    assert len(plan.deletes) == 2
    assert plan.streaks[REVISION].count == 1


def test_a_revision_that_was_quiet_starts_afresh() -> None:
    streaks = {REVISION: Streak(9, START)}
    assert plan_ended([], streaks, at(119)).streaks == streaks
    assert plan_ended([], streaks, at(120)).streaks == {}


@given(st.integers(1, 40))
def test_one_that_always_ends_is_deleted_less_and_less_often(rounds: int) -> None:
    streaks: dict[str, Streak] = {}
    seconds, waits = 0.0, []
    for _ in range(rounds):
        plan = plan_ended([pod(state=ended(1))], streaks, at(seconds))
        assert plan.deletes
        streaks = dict(plan.streaks)
        held = plan_ended([pod(state=ended(1))], streaks, at(seconds))
        assert held.look_again is not None
        waits.append(held.look_again)
        seconds += held.look_again
    assert waits == [min(60.0, 2.0**count) for count in range(rounds)]
