import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.scaling.backoff import NONE, Backoff, after_failure


def test_nothing_holds_before_the_first_failure() -> None:
    assert not NONE.holds(0.0)


@pytest.mark.parametrize(
    ("failures", "delay"), [(0, 1.0), (1, 2.0), (2, 4.0), (5, 32.0), (6, 60.0), (7, 60.0), (100_000, 60.0)]
)
def test_each_failure_doubles_the_delay_up_to_a_minute(failures: int, delay: float) -> None:
    backoff = after_failure(Backoff(failures, 0.0), now=10.0, jitter=0.5)
    assert backoff == Backoff(failures + 1, 10.0 + delay)


def test_failures_of_starts_that_were_under_way_together_count_once() -> None:
    first = after_failure(NONE, now=10.0, jitter=0.5)
    assert after_failure(first, now=10.5, jitter=0.5) == first


def test_a_failure_when_the_back_off_is_over_counts_again() -> None:
    first = after_failure(NONE, now=10.0, jitter=0.5)
    assert after_failure(first, now=first.until, jitter=0.5).failures == 2


@given(st.integers(0, 10**6), st.floats(0, 10**6), st.floats(0, 1, exclude_max=True))
def test_the_delay_is_never_beyond_its_bounds(failures: int, now: float, jitter: float) -> None:
    backoff = after_failure(Backoff(failures, 0.0), now=now, jitter=jitter)
    assert 0.79 <= backoff.until - now <= 72.01
    assert backoff.holds(now)
