"""The whole decision: tables of what is seen and done, and what holds of every one."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.scaling.decision import Bounds, Decision, Load, decide

NOW = 100.0
IDLE = 10.0
#: idle for longer than its time, and for less
OLD, FRESH = 80.0, 99.0


@pytest.mark.parametrize(
    ("load", "bounds", "decision"),
    [
        pytest.param(Load(), Bounds(IDLE), Decision(), id="at zero nothing is done"),
        pytest.param(Load(waiting=1), Bounds(IDLE), Decision(start=1), id="from zero by the first call"),
        pytest.param(Load(waiting=3, live=2), Bounds(IDLE), Decision(start=3), id="up with calls that wait"),
        pytest.param(
            Load(waiting=1, live=5), Bounds(IDLE, free=0), Decision(), id="not beyond the cap: it waits"
        ),
        pytest.param(
            Load(waiting=2, live=3),
            Bounds(IDLE, free=0, spare=1),
            Decision(start=1, displace=1),
            id="at the cap another revision's idle instance makes room",
        ),
        pytest.param(
            Load(waiting=2),
            Bounds(IDLE, free=1, spare=5),
            Decision(start=2, displace=1),
            id="no more of them than are in the way",
        ),
        pytest.param(
            Load(waiting=2),
            Bounds(IDLE, free=-2, spare=1),
            Decision(start=1, displace=1),
            id="over the cap: one for one",
        ),
        pytest.param(
            Load(live=2, idle_since=(OLD, FRESH)), Bounds(IDLE), Decision(end=(0,)), id="down after idling"
        ),
        pytest.param(Load(live=1, idle_since=(OLD,)), Bounds(IDLE), Decision(end=(0,)), id="to zero"),
        pytest.param(
            Load(live=2, idle_since=(OLD, OLD)), Bounds(IDLE, floor=2), Decision(), id="the floor stays"
        ),
        pytest.param(Load(), Bounds(IDLE, floor=3), Decision(start=3), id="up to the floor without a call"),
        pytest.param(
            Load(live=1, starting=1),
            Bounds(IDLE, floor=3),
            Decision(start=1),
            id="starts count for the floor",
        ),
        pytest.param(
            Load(), Bounds(IDLE, floor=3, free=0), Decision(start=3), id="the floor stands beside what goes"
        ),
        pytest.param(
            Load(starting=1), Bounds(IDLE, floor=30, starts=4), Decision(start=3), id="few starts at once"
        ),
        pytest.param(
            Load(waiting=5),
            Bounds(IDLE, floor=2),
            Decision(start=5),
            id="starts for calls fill the floor too",
        ),
        pytest.param(
            Load(waiting=5, live=1, idle_since=(OLD,), backing_off=True),
            Bounds(IDLE, floor=3),
            Decision(),
            id="while starts fail none is tried, and the floor keeps what is there",
        ),
        pytest.param(
            Load(live=1, idle_since=(OLD,), backing_off=True),
            Bounds(IDLE),
            Decision(end=(0,)),
            id="while starts fail what is idle still ends",
        ),
    ],
)
def test_what_is_decided(load: Load, bounds: Bounds, decision: Decision) -> None:
    assert decide(load, bounds, NOW) == decision


@st.composite
def loads(draw: st.DrawFn) -> Load:
    idle_since = tuple(draw(st.lists(st.floats(0, NOW), max_size=20)))
    return Load(
        waiting=draw(st.integers(0, 1000)),
        starting=draw(st.integers(0, 30)),
        live=len(idle_since) + draw(st.integers(0, 30)),
        idle_since=idle_since,
        mean_duration=draw(st.none() | st.floats(0, 900)),
        start_time=draw(st.floats(0, 60)),
        backing_off=draw(st.booleans()),
    )


BOUNDS = st.builds(
    Bounds,
    idle=st.floats(0, 200),
    floor=st.integers(0, 40),
    starts=st.integers(0, 16),
    free=st.integers(-10, 100),
    spare=st.integers(0, 20),
)


@given(loads(), BOUNDS)
def test_the_bounds_hold_for_every_load(load: Load, bounds: Bounds) -> None:
    done = decide(load, bounds, NOW)
    assert not (load.backing_off and done.start)
    assert done.start == 0 or load.starting + done.start <= bounds.starts
    assert done.displace <= min(done.start, bounds.spare)
    assert done.start <= max(0, bounds.free) + done.displace or load.live + load.starting < bounds.floor
    assert not done.end or load.live - len(done.end) >= bounds.floor
    assert all(NOW - load.idle_since[index] >= bounds.idle for index in done.end)


@given(loads(), BOUNDS)
def test_a_decision_that_was_carried_out_is_followed_by_none(load: Load, bounds: Bounds) -> None:
    done = decide(load, bounds, NOW)
    after = replace(
        load,
        starting=load.starting + done.start,
        live=load.live - len(done.end),
        idle_since=tuple(since for index, since in enumerate(load.idle_since) if index not in set(done.end)),
    )
    taken = replace(
        bounds,
        free=bounds.free + len(done.end) + done.displace - done.start,
        spare=bounds.spare - done.displace,
    )
    again = decide(after, taken, NOW)
    assert again.end == ()
    # What ended makes room, which calls that wait may use.
    assert again.start == 0 or done.end


@given(loads(), BOUNDS, st.integers(0, 20))
def test_more_calls_never_mean_fewer_instances(load: Load, bounds: Bounds, more: int) -> None:
    fewer, greater = (
        decide(load, bounds, NOW),
        decide(replace(load, waiting=load.waiting + more), bounds, NOW),
    )
    assert greater.start >= fewer.start
    assert greater.end == fewer.end
