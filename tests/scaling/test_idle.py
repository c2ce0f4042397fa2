import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.scaling.idle import expired


@pytest.mark.parametrize(
    ("since", "live", "minimum", "ending"),
    [
        pytest.param([], 0, 0, [], id="none"),
        pytest.param([95.0], 1, 0, [], id="not long enough"),
        pytest.param([90.0], 1, 0, [0], id="exactly long enough"),
        pytest.param([80.0, 70.0, 99.0], 3, 0, [1, 0], id="the longest idle first"),
        pytest.param([80.0, 70.0, 99.0], 3, 2, [1], id="the minimum stays"),
        pytest.param([80.0, 70.0], 3, 1, [1, 0], id="busy ones count for the minimum"),
        pytest.param([80.0], 1, 5, [], id="below the minimum"),
    ],
)
def test_idle_instances_end_after_their_time(
    since: list[float], live: int, minimum: int, ending: list[int]
) -> None:
    assert expired(since, now=100.0, idle=10.0, live=live, minimum=minimum) == ending


@given(st.lists(st.floats(0, 100), max_size=20), st.integers(0, 10), st.integers(0, 30), st.floats(0, 50))
def test_never_below_the_minimum_and_never_one_that_was_just_used(
    since: list[float], busy: int, minimum: int, idle: float
) -> None:
    live = len(since) + busy
    ending = expired(since, now=100.0, idle=idle, live=live, minimum=minimum)
    assert len(set(ending)) == len(ending)
    assert not ending or live - len(ending) >= minimum
    assert all(100.0 - since[index] >= idle for index in ending)
