"""When a watch counts as dead, in virtual time."""

import pytest

from funclet.kube.hearing import LONGEST, Hearing, Misses
from support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_watch_that_says_something_now_and_then_is_alive(clock: Clock) -> None:
    hearing = Hearing(clock)
    for _ in range(10):
        hearing.heard("pods")
        clock.time += LONGEST - 1
        assert hearing.silent() == []


def test_a_watch_without_a_word_is_dead_whatever_the_others_say(clock: Clock) -> None:
    hearing = Hearing(clock)
    hearing.heard("pods")
    hearing.heard("functions")
    clock.time += LONGEST - 1
    hearing.heard("functions")
    clock.time += 1
    assert hearing.silent() == ["pods"]
    hearing.heard("pods")
    assert hearing.silent() == []


def test_a_time_in_which_nothing_could_be_heard_does_not_count(clock: Clock) -> None:
    hearing, misses = Hearing(clock), Misses(clock)
    hearing.heard("pods")
    misses.missed("Pod")
    clock.time += LONGEST
    misses.missed("Pod")
    for each in (hearing, misses):
        assert each.silent()
        each.excuse()
        assert each.silent() == []
    clock.time += LONGEST
    assert hearing.silent() == ["pods"]


def test_nothing_is_expected_of_a_watch_that_nobody_has_begun() -> None:
    assert Hearing().silent() == Misses().silent() == []


def test_what_only_lists_had_for_long_proves_that_a_watch_is_dead(clock: Clock) -> None:
    misses = Misses(clock)
    misses.missed("Pod")
    clock.time += 10 * LONGEST
    # A list that was quicker once says nothing about the time since.
    assert misses.silent() == []
    misses.missed("Pod")
    assert misses.silent() == ["Pod"]
    misses.heard("Pod")
    assert misses.silent() == []


def test_what_a_watch_tells_late_is_no_miss(clock: Clock) -> None:
    misses = Misses(clock)
    for _ in range(20):
        misses.missed("Pod")
        misses.heard("Pod")
        clock.time += LONGEST
        assert misses.silent() == []
