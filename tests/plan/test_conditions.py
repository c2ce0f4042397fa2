import pytest

from funclet.api.base import Condition
from funclet.plan.conditions import State, Verdict, conditions, transition

NOW = "2026-01-02T03:04:05Z"
EARLIER = "2025-01-01T00:00:00Z"


def build(verdict: Verdict, previous: list[Condition], now: str = NOW) -> dict[str, Condition]:
    return {each.type: each for each in conditions(verdict, previous=previous, generation=3, now=now)}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("Ready", {"Ready": "True", "Reconciling": "False", "Stalled": "False"}),
        ("Reconciling", {"Ready": "Unknown", "Reconciling": "True", "Stalled": "False"}),
        ("Stalled", {"Ready": "False", "Reconciling": "False", "Stalled": "True"}),
    ],
)
def test_a_verdict_reads_as_kstatus_reads_it(state: State, expected: dict[str, str]) -> None:
    built = build(Verdict(state, "Why", "because"), [])
    assert {type_: each.status for type_, each in built.items()} == expected
    assert {each.observed_generation for each in built.values()} == {3}


def test_the_time_of_a_transition_stays_while_the_status_stays() -> None:
    before = list(build(Verdict("Ready", "Why", "because"), [], EARLIER).values())
    after = build(Verdict("Ready", "Other", "because of something else"), before)
    assert {each.last_transition_time for each in after.values()} == {EARLIER}
    assert after["Ready"].reason == "Other"


def test_the_time_of_a_transition_moves_only_where_the_status_changes() -> None:
    before = list(build(Verdict("Ready", "Why", "because"), [], EARLIER).values())
    after = build(Verdict("Stalled", "Why", "because"), before)
    times = {type_: each.last_transition_time for type_, each in after.items()}
    assert times == {"Ready": NOW, "Reconciling": EARLIER, "Stalled": NOW}


@pytest.mark.parametrize("time", ["2099-01-01T00:00:00Z", "yesterday", "", "2025-01-01T00:00:00.5+01:00"])
def test_a_time_that_only_somebody_else_can_have_written_is_overwritten_once(time: str) -> None:
    before = list(build(Verdict("Ready", "Why", "because"), [], EARLIER).values())
    spoilt = [each.model_copy(update={"last_transition_time": time}) for each in before]
    mended = build(Verdict("Ready", "Why", "because"), spoilt)
    assert {each.last_transition_time for each in mended.values()} == {NOW}
    again = build(Verdict("Ready", "Why", "because"), list(mended.values()), "2026-05-05T00:00:00Z")
    assert {each.last_transition_time for each in again.values()} == {NOW}


def test_events_tell_of_transitions_only() -> None:
    ready = Verdict("Ready", "Why", "because")
    before = list(build(ready, []).values())
    assert [event.type for event in transition(ready, [])] == ["Normal"]
    assert transition(ready, before) == ()
    assert transition(Verdict("Reconciling", "Busy", "at work"), before) == ()
    assert [event.type for event in transition(Verdict("Stalled", "Broken", "it broke"), before)] == [
        "Warning"
    ]
