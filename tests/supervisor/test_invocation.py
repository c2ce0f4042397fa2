"""One invocation ends once, whatever comes in whatever order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.supervisor.invocation import Call, Invocation, Phase, Result
from funclet.supervisor.outcome import Outcome, exited, out_of_memory, timed_out, too_large

OK = Outcome("ok", b"1")


def invocation() -> Invocation:
    return Invocation(Call(b"t", "r-1", {}, tail=False), 3.0)


def test_the_deadline_begins_when_the_event_is_handed_over() -> None:
    one = invocation()
    assert one.deadline is None
    one.hand_over(100.0)
    assert one.deadline == 103.0


def test_the_duration_is_from_handing_over_to_the_outcome() -> None:
    one = invocation()
    one.hand_over(100.0)
    one.end(OK, 100.003_01)
    assert one.duration_us() == 3_010


def test_what_never_started_took_no_time() -> None:
    one = invocation()
    one.end(OK, 100.0)
    assert one.duration_us() == 0


def test_an_event_that_did_not_reach_the_runtime_waits_again() -> None:
    one = invocation()
    one.hand_over(100.0)
    one.take_back()
    assert (one.phase, one.started, one.deadline) == (Phase.WAITING, False, None)
    one.hand_over(200.0)
    assert one.deadline == 203.0


@given(st.lists(st.sampled_from(["hand_over", "begin", "answer", "timeout", "settle"]), max_size=30))
def test_it_is_settled_once_and_the_first_outcome_stands(steps: list[str]) -> None:
    one, settled, outcomes = invocation(), 0, []
    for now, step in enumerate(steps):
        if step == "hand_over" and one.phase is Phase.WAITING:
            one.hand_over(float(now))
        elif step == "begin":
            running = one.phase is Phase.RUNNING
            assert one.begin_answer() is running
        elif step in {"answer", "timeout"}:
            if one.end(Outcome(step, b""), float(now)):
                outcomes.append(step)
        elif step == "settle":
            settled += one.settle()
    assert settled <= 1
    assert len(outcomes) <= 1
    assert (one.outcome is None) == (not outcomes)
    if one.outcome is not None:
        assert one.outcome.kind == outcomes[0]


@pytest.mark.parametrize(("us", "ms"), [(0, 1), (1, 1), (1000, 1), (1001, 2), (3_010, 4)])
def test_billing_rounds_up_to_a_millisecond_at_least(us: int, ms: int) -> None:
    assert Result(OK, us, None, 1).billed_ms == ms


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (0, "Runtime exited without providing a reason"),
        (127 << 8, "Runtime exited with error: exit status 127"),
        (9, "Runtime exited with error: signal: killed"),
        (11 | 0x80, "Runtime exited with error: signal: segmentation fault (core dumped)"),
        (40, "Runtime exited with error: signal: signal 40"),
    ],
)
def test_an_exit_is_told_in_lambdas_words(status: int, said: str) -> None:
    assert exited(status).message == said
    body = exited(status).told_to("r-1").body
    assert (
        body.decode() == f'{{"errorType":"Runtime.ExitError","errorMessage":"RequestId: r-1 Error: {said}"}}'
    )


def test_limits_are_told_with_their_figures() -> None:
    assert timed_out(3.0).told_to("r").body == (
        b'{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: r Error: Task timed out after 3.00 seconds"}'
    )
    assert (
        out_of_memory(64 << 20, 70 << 20).message
        == "Runtime exceeded its memory limit of 64 MB: 70 MB were in use"
    )
    assert too_large().body == (
        b'{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).",'
        b'"errorType":"Function.ResponseSizeTooLarge"}'
    )
