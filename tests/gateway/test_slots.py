"""The rules of one function's slots, told without I/O; the model check is in test_slots_model.py."""

import asyncio

import pytest

from funclet.gateway.failure import Failure, StartFailedError
from funclet.gateway.pool import Place, Waiter
from funclet.lambda_api.errors import LambdaApiError
from support.gateway import revision
from support.slots import SlotsWorld

A, B = revision(build="a"), revision("hello", "1")
BROKEN = Failure("InitFailed", "No module named x", b'{"errorType":"Runtime.ImportModuleError"}')


@pytest.fixture
async def world() -> SlotsWorld:
    """A function without a cap, in the loop that its instances' futures need."""
    asyncio.get_running_loop()
    return SlotsWorld()


async def test_a_first_call_waits_for_the_instance_that_it_starts(world: SlotsWorld) -> None:
    waiter = world.acquire(A)
    assert isinstance(waiter, Waiter)
    assert world.starting == [A.key]
    place = world.finish_start()
    assert world.given == [place]
    assert place.busy


async def test_the_most_recently_used_instance_is_given_first(world: SlotsWorld) -> None:
    first, second = world.idle(A), world.idle(A)
    assert world.slots.acquire(A, world.deliver) is second
    assert world.slots.acquire(A, world.deliver) is first
    world.slots.release(second)
    world.slots.release(first)
    assert world.slots.acquire(A, world.deliver) is first


async def test_waiters_are_served_in_the_order_they_came(world: SlotsWorld) -> None:
    order: list[str] = []
    busy = world.busy(A)
    world.slots.acquire(A, lambda _: order.append("first"))
    world.slots.acquire(A, lambda _: order.append("second"))
    world.slots.release(busy)
    world.slots.release(busy)
    assert order == ["first", "second"]


async def test_a_waiter_takes_whatever_frees_first(world: SlotsWorld) -> None:
    busy = world.busy(A)
    world.acquire(A)
    world.slots.release(busy)
    assert world.given == [busy]
    late = world.finish_start()
    assert not late.busy
    assert world.slots.pools[A.key].idle == [late]


async def test_over_reserved_concurrency_a_call_is_throttled_at_once(world: SlotsWorld) -> None:
    world.configure(reserved=2)
    world.acquire(A)
    world.acquire(B)
    with pytest.raises(LambdaApiError) as refused:
        world.acquire(A)
    assert refused.value.error.status == 429
    assert refused.value.error.reason == "ReservedFunctionConcurrentInvocationLimitExceeded"


async def test_reserved_concurrency_of_zero_stops_the_function(world: SlotsWorld) -> None:
    world.configure(reserved=0)
    with pytest.raises(LambdaApiError):
        world.acquire(A)
    assert world.starting == []


async def test_ten_thousand_calls_of_a_function_capped_at_one_run_exactly_one(world: SlotsWorld) -> None:
    world.configure(reserved=1)
    throttles = 0
    for _ in range(10_000):
        try:
            world.acquire(A)
        except LambdaApiError:
            throttles += 1
    world.finish_start()
    assert (throttles, world.slots.running, world.slots.waiting) == (9_999, 1, 0)
    assert world.starting == []


async def test_an_idle_instance_of_another_version_ends_to_make_room(world: SlotsWorld) -> None:
    world.configure(reserved=1)
    idle = world.idle(A)
    world.acquire(B)
    assert world.ended == [idle]
    assert world.starting == [B.key]


async def test_a_waiter_that_leaves_frees_its_place_at_once(world: SlotsWorld) -> None:
    world.configure(reserved=1)
    waiter = world.acquire(A)
    assert isinstance(waiter, Waiter)
    world.slots.abandon(waiter)
    assert isinstance(world.acquire(A), Waiter)


async def test_a_start_that_fails_is_told_to_all_waiters_of_the_revision(world: SlotsWorld) -> None:
    world.acquire(A)
    world.acquire(A)
    world.acquire(B)
    world.fail_start(A.key, BROKEN)
    assert world.given == [BROKEN, BROKEN]
    assert world.slots.waiting == 1


async def test_during_the_back_off_calls_fail_at_once_with_the_last_reason(world: SlotsWorld) -> None:
    world.acquire(A)
    world.fail_start(A.key, BROKEN)
    with pytest.raises(StartFailedError) as refused:
        world.acquire(A)
    assert refused.value.failure == BROKEN
    assert world.starting == []


async def test_a_call_after_the_back_off_tries_again_with_one_start(world: SlotsWorld) -> None:
    world.acquire(A)
    world.fail_start(A.key, BROKEN)
    world.now += 2.0
    for _ in range(5):
        world.acquire(A)
    assert world.starting == [A.key]


async def test_the_back_off_doubles_and_ends_with_a_success(world: SlotsWorld) -> None:
    for wait in (2.0, 3.0):
        world.acquire(A)
        world.fail_start(A.key, BROKEN)
        world.now += wait
    world.acquire(A)
    place = world.finish_start()
    world.slots.prove(place)
    world.slots.release(place)
    assert world.slots.pools[A.key].failure is None


async def test_a_failed_start_does_not_fail_those_who_wait_for_instances_that_work(world: SlotsWorld) -> None:
    busy = world.busy(A)
    world.slots.prove(busy)
    world.acquire(A)
    world.fail_start(A.key, BROKEN)
    assert world.given == []
    world.slots.release(busy)
    assert world.given == [busy]


FULL = Failure("NoNode", "0/1 nodes are available; add nodes, or lower spec.memory")


async def test_where_no_more_can_start_calls_wait_for_those_that_are_in_init(world: SlotsWorld) -> None:
    in_init = world.busy(A)
    world.acquire(A)
    world.fail_start(A.key, FULL)
    world.acquire(A)
    assert world.given == []
    world.slots.release(in_init)
    assert world.given == [in_init]


async def test_where_one_start_of_two_fails_calls_wait_for_the_other(world: SlotsWorld) -> None:
    world.acquire(A)
    world.acquire(A)
    world.slots.start_failed(world.pending.pop(), FULL)
    assert world.given == []
    world.fail_start(A.key, FULL)
    assert world.given == [FULL, FULL]


async def test_a_call_that_waited_too_long_is_told_why_there_was_no_other_instance(world: SlotsWorld) -> None:
    world.busy(A)
    world.acquire(A)
    world.fail_start(A.key, FULL)
    world.now += 61.0
    world.slots.sweep()
    assert world.given == [FULL]


async def test_calls_that_waited_for_the_last_instance_are_told_once_it_is_gone(world: SlotsWorld) -> None:
    last = world.busy(A)
    world.acquire(A)
    world.fail_start(A.key, FULL)
    world.slots.discard(last)
    world.slots.sweep()
    assert world.given == [FULL]
    assert world.slots.waiting == 0


async def test_a_fault_in_init_is_told_although_others_are_still_in_init(world: SlotsWorld) -> None:
    first = world.busy(A)
    world.busy(A)
    world.acquire(A)
    world.slots.init_failed(first, BROKEN)
    assert world.given == [BROKEN]


async def test_an_init_error_is_told_to_those_who_wait(world: SlotsWorld) -> None:
    world.acquire(A)
    place = world.finish_start()
    world.acquire(A)
    world.slots.init_failed(place, BROKEN)
    world.slots.discard(place)
    assert world.given == [place, BROKEN]
    assert world.ended == [place]


async def test_a_waiter_waits_no_longer_than_its_deadline(world: SlotsWorld) -> None:
    world.acquire(A)
    world.now += 61.0
    world.slots.sweep()
    assert world.given == [None]
    assert world.slots.waiting == 0


async def test_the_number_of_waiters_is_bounded() -> None:
    world = SlotsWorld(waiters=3)
    for _ in range(3):
        world.acquire(A)
    with pytest.raises(LambdaApiError) as refused:
        world.acquire(A)
    assert refused.value.error.reason == "ConcurrentInvocationLimitExceeded"


async def test_idle_instances_end_after_their_time_but_for_the_minimum(world: SlotsWorld) -> None:
    world.configure(idle=10.0, minimum=1, serving=A)
    first, second = world.idle(A), world.idle(A)
    world.now += 11.0
    world.slots.sweep()
    assert world.ended == [first]
    assert world.slots.pools[A.key].idle == [second]


async def test_the_minimum_is_started_without_a_call(world: SlotsWorld) -> None:
    world.idle(A)
    world.configure(minimum=3, serving=A)
    world.slots.sweep()
    assert world.starting == [A.key, A.key]


async def test_a_retired_revision_finishes_what_runs_and_what_waits(world: SlotsWorld) -> None:
    busy, idle = world.busy(A), world.idle(A)
    world.slots.acquire(A, world.deliver)
    world.acquire(A)
    world.slots.keep(set())
    assert world.ended == []
    world.slots.release(busy)
    assert world.given == [busy]
    world.slots.release(busy)
    world.slots.release(idle)
    assert set(world.ended) == {busy, idle}


async def test_an_instance_that_is_gone_is_not_given_out(world: SlotsWorld) -> None:
    idle = world.idle(A)
    world.slots.prove(idle)
    world.slots.lost(idle, Failure("InstanceEnded", "It was killed."))
    assert isinstance(world.acquire(A), Waiter)


async def test_an_instance_that_ends_before_it_was_ready_counts_as_a_failed_start(world: SlotsWorld) -> None:
    world.slots.prepare(A)
    place = world.finish_start()
    world.slots.lost(place, Failure("InstanceEnded", "It exited with 1."))
    state = dict(world.slots.states())[A.key]
    assert state.failure == Failure("InstanceEnded", "It exited with 1.")
    world.slots.prepare(A)
    assert world.starting == []


async def test_a_call_that_did_not_start_goes_to_the_front_of_the_queue(world: SlotsWorld) -> None:
    order: list[str] = []
    first, second = world.busy(A), world.busy(A)
    world.slots.acquire(A, lambda _: order.append("came later"))
    world.slots.retry(first, lambda _: order.append("was sent before"))
    world.slots.release(second)
    assert order == ["was sent before"]
    assert world.ended == [first]


async def test_calls_that_did_not_start_keep_their_order(world: SlotsWorld) -> None:
    first, second = world.busy(A), world.busy(A)
    later = world.acquire(A)
    again = [world.slots.retry(place, world.deliver) for place in (first, second)]
    assert list(world.slots.pools[A.key].waiters) == [*again, later]


async def test_a_call_that_did_not_start_takes_an_idle_instance_at_once(world: SlotsWorld) -> None:
    busy, idle = world.busy(A), world.idle(A)
    assert world.slots.retry(busy, world.deliver) is idle
    assert world.slots.running == 1


async def test_a_call_that_did_not_start_is_not_throttled(world: SlotsWorld) -> None:
    world.configure(reserved=1)
    place = world.busy(A)
    assert isinstance(world.slots.retry(place, world.deliver), Waiter)
    assert (world.slots.running, world.slots.waiting) == (0, 1)


async def test_short_calls_start_few_instances(world: SlotsWorld) -> None:
    place = world.busy(A)
    world.now += 0.001
    world.slots.release(place)
    world.slots.acquire(A, world.deliver)
    for _ in range(50):
        world.acquire(A)
    assert world.starting == [A.key]


async def test_an_instance_prepared_beyond_the_cap_is_not_ended_to_make_room(world: SlotsWorld) -> None:
    world.configure(reserved=1)
    busy = world.busy(A)
    world.slots.prepare(B)
    prepared = world.finish_start()
    world.slots.release(busy)
    world.slots.discard(world.take(A))
    world.acquire(A)
    assert prepared not in world.ended


async def test_an_instance_that_started_for_nobody_is_below_the_warm_ones(world: SlotsWorld) -> None:
    warm = world.idle(A)
    world.slots.acquire(A, world.deliver)
    world.acquire(A)
    world.slots.release(warm)
    world.slots.release(warm)
    fresh: Place = world.finish_start()
    assert world.slots.pools[A.key].idle == [fresh, warm]


# -- instances that another gateway left to themselves


async def test_what_lingers_counts_against_the_cap_and_calls_are_held_meanwhile(world: SlotsWorld) -> None:
    world.configure(reserved=1)
    world.slots.linger(1)
    assert isinstance(world.acquire(A), Waiter)
    assert world.starting == []
    with pytest.raises(LambdaApiError):
        world.acquire(A)
    world.slots.linger(0)
    assert world.starting == [A.key]


async def test_an_idle_instance_waits_for_the_cap_and_is_given_once_it_allows(world: SlotsWorld) -> None:
    world.configure(reserved=2)
    idle = world.idle(A)
    world.slots.linger(2)
    world.acquire(A)
    assert world.given == []
    world.slots.linger(1)
    assert world.given == [idle]


async def test_an_instance_that_starts_or_frees_while_others_linger_stands_by(world: SlotsWorld) -> None:
    world.configure(reserved=2)
    busy = world.busy(A)
    world.acquire(A)
    world.slots.linger(2)
    world.finish_start()
    world.slots.release(busy)
    assert (world.given, world.slots.running) == ([], 0)
    world.slots.linger(0)
    assert len(world.given) == 1


async def test_what_lingers_is_no_matter_without_a_cap(world: SlotsWorld) -> None:
    world.slots.linger(5)
    idle = world.idle(A)
    assert world.take(A) is idle
