"""Slots, starter and book together, over whole traces of calls on a cluster in memory."""

import asyncio
import functools
import random
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.gateway import revision
from support.sim_cluster import Pace, SimCluster
from support.sim_gateway import SimGateway, Tally
from support.virtual import virtually

HELLO = revision()
IDLE = 10.0
#: seconds and a call's duration in seconds
Trace = list[tuple[float, float]]


@dataclass
class Outcome:
    """What came of a trace."""

    tally: Tally
    cluster: SimCluster

    @property
    def made(self) -> int:
        return self.cluster.made

    def flaps(self, within: float) -> int:
        """How often the scale was raised right after it had been lowered."""
        steps = [(when, replicas) for when, _, replicas in self.cluster.scales]
        turns = zip(pairwise(steps), pairwise(steps[1:]), strict=False)
        return sum(
            first[1] > second[1] < third[1] and third[0] - second[0] < within
            for (first, second), (_, third) in turns
        )


async def play(
    trace: Trace,
    *,
    pace: Pace | None = None,
    restarts: tuple[float, ...] = (),
    room: int | None = None,
    reserved: int | None = None,
    minimum: int = 0,
    deletions: tuple[float, ...] = (),
) -> Outcome:
    """Play a trace to its end, and wait until all has gone down; there is room for so many pods.

    At `restarts` the gateway is replaced, at `deletions` somebody deletes a pod that runs a call.
    """
    loop = asyncio.get_running_loop()
    cluster, tally, begun = SimCluster(pace), Tally(), loop.time()
    cluster.room = room
    cluster.add_function(HELLO)
    cluster.add_deployment(HELLO)
    make = functools.partial(
        SimGateway, cluster, HELLO, idle=IDLE, tally=tally, reserved=reserved, minimum=minimum
    )
    gateway = make()
    for when in deletions:
        loop.call_at(begun + when, delete_a_busy_one, cluster)
    leaving = list(restarts)
    for when, seconds in sorted(trace):
        while leaving and leaving[0] <= when:
            await asyncio.sleep(begun + leaving.pop(0) - loop.time())
            await gateway.close()
            gateway = make()
        await asyncio.sleep(max(0.0, begun + when - loop.time()))
        gateway.call(seconds)
    await asyncio.sleep(max((seconds for _, seconds in trace), default=0.0) + 2 * IDLE + 20)
    assert cluster.replicas(HELLO.key) == minimum
    assert len(cluster.pods) == minimum
    assert (gateway.slots.running, gateway.slots.waiting) == (0, 0)
    await gateway.close()
    return Outcome(tally, cluster)


def delete_a_busy_one(cluster: SimCluster) -> None:
    """Delete a pod as an eviction does; its call is finished."""
    busy = next((pod for pod in cluster.live(HELLO.key) if pod.busy), None)
    if busy is not None:
        cluster.delete(busy)


def poisson(rate: float, mean: float, *, until: float, seed: int) -> Trace:
    """Calls at random moments, so many a second."""
    draw = random.Random(seed)  # noqa: S311 - chance, not secrecy
    now, trace = 0.0, []
    while (now := now + draw.expovariate(rate)) < until:
        trace.append((now, draw.expovariate(1 / mean)))
    return trace


@virtually
async def test_one_call_makes_one_pod_and_takes_it_away_again() -> None:
    outcome = await play([(0.0, 0.1)])
    assert [replicas for _, _, replicas in outcome.cluster.scales] == [1, 0]
    assert outcome.tally.answered[0] == pytest.approx(0.8 + 0.1, abs=0.1)


@virtually
async def test_calls_that_come_now_and_then_are_kept_one_warm_pod() -> None:
    outcome = await play([(each * 8.0, 0.1) for each in range(30)])
    assert (outcome.made, outcome.flaps(60)) == (1, 0)


@virtually
async def test_under_a_steady_load_the_scale_is_at_rest() -> None:
    outcome = await play([(each / 20, 0.19) for each in range(2400)])
    assert len(outcome.tally.answered) == 2400
    assert outcome.flaps(60) == 0
    assert [when for when, _, _ in outcome.cluster.scales if 1030 < when < 1120] == []


@pytest.mark.parametrize("seed", range(3))
@virtually
async def test_a_load_that_comes_at_random_makes_few_pods_beyond_those_that_run(seed: int) -> None:
    outcome = await play(poisson(20, 0.2, until=120, seed=seed))
    assert len(outcome.tally.answered) == outcome.tally.came
    # 4 run on average, 11 at the worst moment; a pod that was not needed for ten seconds goes.
    assert outcome.made <= 25
    assert len([wait for wait in outcome.tally.answered if wait > 2.5]) == 0


@virtually
async def test_a_crowd_out_of_nothing_is_served_by_fewer_pods_than_calls() -> None:
    outcome = await play([(each / 1000, 0.01) for each in range(500)])
    assert len(outcome.tally.answered) == 500
    assert outcome.made <= 16
    assert outcome.flaps(IDLE) == 0


@virtually
async def test_a_tide_is_followed_up_and_down() -> None:
    tide = [(when + 60 * wave, 1.0) for wave in range(3) for when in (0.1 * each for each in range(200))]
    outcome = await play(tide)
    assert len(outcome.tally.answered) == outcome.tally.came
    assert outcome.flaps(IDLE / 2) == 0


@pytest.mark.parametrize("seed", range(3))
@virtually
async def test_a_gateway_that_is_replaced_in_the_middle_of_it_makes_nothing_flap(seed: int) -> None:
    trace = poisson(20, 0.2, until=90, seed=seed)
    undisturbed = await play(trace)
    outcome = await play(trace, restarts=(30.0, 31.0, 60.0))
    assert len(outcome.tally.answered) == outcome.tally.came
    assert outcome.made <= undisturbed.made + 3
    assert outcome.flaps(IDLE / 2) <= undisturbed.flaps(IDLE / 2)


@virtually
async def test_a_cap_holds_whoever_is_home_and_whatever_is_deleted() -> None:
    outcome = await play(
        [(each * 0.5, 4.0) for each in range(120)],
        reserved=3,
        restarts=(20.0, 21.0, 40.0),
        deletions=(19.9, 30.0, 39.9),
        pace=Pace(drain=5.0),
    )
    assert outcome.tally.most == 3
    assert len(outcome.tally.answered) + len(outcome.tally.refused) == outcome.tally.came
    assert all("Rate Exceeded" in each for each in outcome.tally.refused)


@pytest.mark.parametrize("seed", range(3))
@virtually
async def test_a_floor_stands_by_however_the_load_and_the_homes_change(seed: int) -> None:
    outcome = await play(poisson(5, 0.3, until=60, seed=seed), minimum=3, restarts=(20.0, 40.0))
    assert outcome.tally.refused == []
    assert min(replicas for when, _, replicas in outcome.cluster.scales if when > 1005) >= 3


@pytest.mark.parametrize("seed", range(3))
@virtually
async def test_where_no_node_takes_another_pod_calls_wait_for_those_that_run(seed: int) -> None:
    trace = poisson(12, 0.2, until=90, seed=seed)
    outcome = await play(trace, room=3, restarts=(30.0, 31.0, 60.0))
    assert outcome.tally.refused == []
    assert len(outcome.tally.answered) == outcome.tally.came


@settings(max_examples=25, deadline=None)
@given(
    trace=st.lists(st.tuples(st.floats(0, 60), st.floats(0.001, 1.5)), min_size=1, max_size=80),
    restarts=st.lists(st.floats(0, 60), max_size=2),
    start=st.floats(0.05, 5.0),
    watch=st.floats(0.0, 0.5),
)
def test_every_call_of_any_trace_is_answered_and_all_goes_down_to_nothing(
    trace: Trace, restarts: list[float], start: float, watch: float
) -> None:
    @virtually
    async def run() -> None:
        outcome = await play(trace, pace=Pace(start=start, watch=watch), restarts=tuple(sorted(restarts)))
        assert outcome.tally.refused == []
        assert len(outcome.tally.answered) == len(trace)
        # A call that comes just as the scale was lowered has too many pods made, which go one by one; but
        # nothing moves the scale for ever.
        assert len(outcome.cluster.scales) <= 5 * (len(trace) + len(restarts)) + 5

    run()
