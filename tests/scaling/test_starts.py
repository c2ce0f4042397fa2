import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.scaling.starts import Demand, starts


def demand(  # the usual case, each field to be changed
    waiting: int = 1,
    starting: int = 0,
    mean_duration: float | None = None,
    start_time: float = 0.1,
    limit: int = 8,
    room: int = 100,
) -> Demand:
    return Demand(waiting, starting, mean_duration, start_time, limit, room)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        pytest.param(demand(waiting=0), 0, id="nobody waits"),
        pytest.param(demand(waiting=1), 1, id="the first call"),
        pytest.param(demand(waiting=5), 5, id="unknown duration: one for each"),
        pytest.param(demand(waiting=20), 8, id="no more than the limit"),
        pytest.param(demand(waiting=20, starting=8), 0, id="the limit counts starts under way"),
        pytest.param(demand(waiting=2, starting=3), 0, id="more under way than wait"),
        pytest.param(demand(waiting=20, room=3), 3, id="no more than the cap leaves"),
        pytest.param(demand(waiting=20, room=-1), 0, id="over the cap"),
        pytest.param(demand(waiting=40, mean_duration=0.001), 1, id="a short function: at least one"),
        pytest.param(demand(waiting=40, mean_duration=0.005), 2, id="waiters x duration / start time"),
        pytest.param(demand(waiting=4, mean_duration=10.0), 4, id="a long function: one for each"),
        pytest.param(demand(waiting=4, mean_duration=1.0, start_time=0.0), 4, id="starts take no time"),
    ],
)
def test_starts_are_as_many_as_are_worth_their_while(case: Demand, expected: int) -> None:
    assert starts(case) == expected


def test_two_hundred_calls_a_second_of_a_millisecond_do_not_start_hundreds() -> None:
    assert starts(demand(waiting=200, mean_duration=0.001, start_time=2.0, limit=1000)) == 1


@given(
    st.builds(
        Demand,
        waiting=st.integers(0, 10_000),
        starting=st.integers(0, 100),
        mean_duration=st.none() | st.floats(0, 900),
        start_time=st.floats(0, 60),
        limit=st.integers(0, 100),
        room=st.integers(-10, 1000),
    )
)
def test_starts_never_exceed_waiters_limit_or_room(case: Demand) -> None:
    added = starts(case)
    assert 0 <= added <= max(0, case.room)
    assert added == 0 or case.starting + added <= min(case.waiting, case.limit)


@given(st.integers(1, 1000), st.floats(0.000001, 900), st.floats(0.001, 60))
def test_a_lonely_waiter_always_gets_its_start(waiting: int, duration: float, start_time: float) -> None:
    assert starts(demand(waiting=waiting, mean_duration=duration, start_time=start_time)) >= 1
