import asyncio

from funclet.plan.plan import Key
from funclet.reconcile.queue import KeyQueue

A, B = Key("Function", "default", "a"), Key("Function", "default", "b")


async def test_a_key_added_often_is_worked_on_once() -> None:
    queue = KeyQueue()
    for _ in range(1000):
        queue.add(A)
    queue.add(B)
    assert [await queue.get(), await queue.get()] == [A, B]
    queue.done(A)
    queue.done(B)
    assert queue.idle


async def test_a_key_is_not_given_to_two_workers() -> None:
    queue = KeyQueue()
    queue.add(A)
    await queue.get()
    queue.add(A)
    second = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    assert not second.done()
    queue.done(A)
    assert await second == A


async def test_what_changes_while_it_is_worked_on_is_worked_on_again_once() -> None:
    queue = KeyQueue()
    queue.add(A)
    await queue.get()
    queue.add(A)
    queue.add(A)
    queue.done(A)
    await queue.get()
    queue.done(A)
    assert queue.idle


async def test_the_delay_doubles_up_to_the_longest_and_begins_anew_after_success() -> None:
    queue = KeyQueue(first_retry=1.0, longest_retry=5.0)
    delays = []
    for _ in range(5):
        delays.append(queue.retry(A))
        queue.close()
    assert delays == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert queue.failures(A) == 5
    queue.forget(A)
    assert queue.retry(A) == 1.0
    queue.close()


async def test_ten_thousand_failures_in_a_row_do_not_overflow() -> None:
    queue = KeyQueue()
    for _ in range(10_000):
        delay = queue.retry(A)
    assert delay == 60.0
    queue.close()


async def test_a_delayed_key_comes_in_time() -> None:
    queue = KeyQueue()
    queue.add_after(A, 0.01)
    assert queue.idle
    assert await asyncio.wait_for(queue.get(), 5) == A


async def test_the_earlier_of_two_delays_counts() -> None:
    queue = KeyQueue()
    queue.add_after(A, 0.01)
    queue.add_after(A, 60)
    assert await asyncio.wait_for(queue.get(), 5) == A
    queue.done(A)
    queue.add_after(B, 60)
    queue.add_after(B, 0.01)
    assert await asyncio.wait_for(queue.get(), 5) == B


async def test_a_change_does_not_wait_for_the_delay_of_an_earlier_failure() -> None:
    queue = KeyQueue()
    queue.add_after(A, 60)
    queue.add(A)
    assert await asyncio.wait_for(queue.get(), 5) == A
    queue.done(A)
    assert queue.idle
