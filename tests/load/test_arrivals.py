from collections.abc import Callable, Iterator
from itertools import islice, pairwise

import pytest

from load.arrivals import bursts, constant, lasting, pauses, poisson, together


def test_a_constant_rate_is_even() -> None:
    assert list(lasting(1.0, constant(4))) == [0.0, 0.25, 0.5, 0.75]


def test_bursts_fall_due_at_once() -> None:
    assert list(lasting(5.0, bursts(2, 2.5))) == [0.0, 0.0, 2.5, 2.5]


def test_poisson_has_its_rate() -> None:
    assert len(list(lasting(100.0, poisson(50, seed=1)))) == pytest.approx(5000, rel=0.05)


def test_pauses_have_their_length() -> None:
    found = list(islice(pauses(0.5, 2.0, seed=1), 100))
    assert all(0.5 <= later - earlier <= 2.0 for earlier, later in pairwise(found))


@pytest.mark.parametrize("schedule", [lambda seed: poisson(5, seed), lambda seed: pauses(1.0, 2.0, seed)])
def test_a_seed_gives_the_same_schedule_again(schedule: Callable[[int], Iterator[float]]) -> None:
    first, again, other = (list(islice(schedule(seed), 10)) for seed in (1, 1, 2))
    assert first == again != other


def test_schedules_that_are_put_together_stay_in_order() -> None:
    assert list(lasting(1.0, together(constant(2), bursts(2, 0.75)))) == [0.0, 0.0, 0.0, 0.5, 0.75, 0.75]
