"""Contending for a Lease on a real API server; the contenders' clock stands until a test moves it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from funclet.kube.client import ClusterKube
from funclet.kube.connection import open_connection
from funclet.kube.leadership import DURATION, RENEW, Leadership
from funclet.kube.lease import RELEASE
from funclet.plan.plan import Key
from support.api_server import away
from support.clock import Clock


@pytest.fixture
async def nobody(tmp_path: Path) -> AsyncIterator[ClusterKube]:
    """An API server that is away."""
    kube = ClusterKube(await open_connection(away(tmp_path)))
    yield kube
    await kube.close()


def contender(kube: ClusterKube, namespace: str, identity: str, clock: Clock) -> Leadership:
    return Leadership(kube, Key("Lease", namespace, "funclet-operator"), identity, clock=clock)


async def test_the_first_contender_holds_and_the_second_waits(kube: ClusterKube, namespace: str) -> None:
    clock = Clock()
    first, second = contender(kube, namespace, "a", clock), contender(kube, namespace, "b", clock)
    for each in (first, second, first, second):
        await each.attempt()
    assert (first.holds(10), second.holds(10)) == (True, False)


async def test_of_many_contenders_at_once_one_holds(kube: ClusterKube, namespace: str) -> None:
    clock = Clock()
    contenders = [contender(kube, namespace, f"c{number}", clock) for number in range(8)]
    await asyncio.gather(*(each.attempt() for each in contenders))
    assert [each.holds(10) for each in contenders].count(True) == 1


async def test_one_that_stopped_is_succeeded_once_its_lease_was_seen_unchanged_for_its_whole_time(
    kube: ClusterKube, namespace: str
) -> None:
    clock = Clock()
    stopped, heir = contender(kube, namespace, "a", clock), contender(kube, namespace, "b", clock)
    await stopped.attempt()
    await heir.attempt()
    clock.time += DURATION - 0.1
    await heir.attempt()
    assert not heir.holds(10)
    clock.time += 0.2
    await heir.attempt()
    assert heir.holds(10)
    assert not stopped.holds(DURATION)
    await stopped.attempt()
    assert not stopped.holds(DURATION)


async def test_a_contender_that_has_just_come_does_not_trust_the_time_that_others_wrote(
    kube: ClusterKube, namespace: str
) -> None:
    clock = Clock()
    await contender(kube, namespace, "a", clock).attempt()
    clock.time += 1000
    newcomer = contender(kube, namespace, "b", clock)
    await newcomer.attempt()
    assert not newcomer.holds(10)


async def test_no_two_hold_it_at_once_whenever_each_gets_to_try(kube: ClusterKube, namespace: str) -> None:
    clock = Clock()
    pair = [contender(kube, namespace, name, clock) for name in "ab"]
    turns = "aabbbbbbbbaaaaaabab" + "b" * 9 + "a" * 9
    held = set()
    for turn in turns:
        await pair["ab".index(turn)].attempt()
        holding = [each.holds(DURATION) for each in pair]
        assert holding.count(True) <= 1
        held.add(holding.index(True) if True in holding else None)
        clock.time += RENEW
    assert {0, 1} <= held


async def test_while_the_api_server_is_away_it_is_held_no_longer_and_got_back_after(
    kube: ClusterKube, nobody: ClusterKube, namespace: str
) -> None:
    clock = Clock()
    leader = contender(kube, namespace, "a", clock)
    await leader.attempt()
    leader._kube = nobody
    clock.time += 5
    await leader.attempt()
    assert leader.holds(6)
    assert not leader.holds(5)
    clock.time += DURATION
    await leader.attempt()
    assert not leader.holds(DURATION)
    leader._kube = kube
    await leader.attempt()
    assert leader.holds(1)


async def test_a_term_begins_where_somebody_else_may_have_written(kube: ClusterKube, namespace: str) -> None:
    clock = Clock()
    first, second = contender(kube, namespace, "a", clock), contender(kube, namespace, "b", clock)
    assert first.terms == 0
    await first.attempt()
    assert first.terms == 1
    # Renewed, and renewed late, but had by nobody else.
    await first.attempt()
    clock.time += 10 * DURATION
    await first.attempt()
    assert first.terms == 1
    await first.release()
    await second.attempt()
    assert second.terms == 1
    await second.release()
    await first.attempt()
    assert first.terms == 2
    # The same pod after a restart knows nothing of what it did in its last life.
    reborn = contender(kube, namespace, "a", clock)
    await reborn.attempt()
    assert reborn.terms == 1


async def test_one_that_gives_it_up_is_succeeded_at_once(kube: ClusterKube, namespace: str) -> None:
    clock = Clock()
    leader, heir = contender(kube, namespace, "a", clock), contender(kube, namespace, "b", clock)
    await leader.attempt()
    await heir.attempt()
    await leader.release()
    assert not leader.holds(10)
    await heir.attempt()
    assert heir.holds(10)
    await leader.release()
    await heir.attempt()
    assert heir.holds(10)


async def test_a_lease_keeps_its_labels_when_it_is_taken_and_given_up(
    kube: ClusterKube, namespace: str
) -> None:
    key = Key("Lease", namespace, "other-operator")
    leader = Leadership(kube, key, "a", labels={RELEASE: "other"})
    for step in (leader.attempt, leader.attempt, leader.release):
        await step()
        assert (await kube.get(key))["metadata"]["labels"] == {
            "app.kubernetes.io/managed-by": "funclet",
            "funclet.dev/release": "other",
        }


async def test_whoever_waits_for_it_is_woken_and_a_running_contender_never_ends(
    kube: ClusterKube, nobody: ClusterKube, namespace: str
) -> None:
    key = Key("Lease", namespace, "funclet-operator")
    leader = Leadership(nobody, key, "a", renew=0.01)
    running = asyncio.create_task(leader.run())
    try:
        await asyncio.sleep(0)
        leader._kube = kube
        async with asyncio.timeout(10):
            await leader.acquired()
        assert leader.holds(10)
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
