"""Gateways among each other, by Leases on a real API server; their clock stands until a test moves it."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from funclet.kube.client import ClusterKube
from funclet.kube.connection import open_connection
from funclet.kube.membership import DURATION, LONG_DEAD, RENEW, Membership
from support.api_server import away
from support.clock import Clock


@pytest.fixture
async def nobody(tmp_path: Path) -> AsyncIterator[ClusterKube]:
    """An API server that is away."""
    kube = ClusterKube(await open_connection(away(tmp_path)))
    yield kube
    await kube.close()


class Gateways:
    """Some gateways with one clock, each with a port of its own."""

    def __init__(self, kube: ClusterKube, namespace: str) -> None:
        self.kube = kube
        self.namespace = namespace
        self.clock = Clock()
        self.told: list[Mapping[str, str]] = []

    def add(self, identity: str, port: int, release: str = "funclet") -> Membership:
        return Membership(
            self.kube,
            namespace=self.namespace,
            identity=identity,
            address=f"10.0.0.1:{port}",
            release=release,
            on_change=self.told.append,
            clock=self.clock,
        )

    async def live(self, *members: Membership, seconds: float) -> None:
        for _ in range(round(seconds / RENEW)):
            self.clock.time += RENEW
            for member in members:
                await member.attempt()


@pytest.fixture
def gateways(kube: ClusterKube, namespace: str) -> Gateways:
    return Gateways(kube, namespace)


BOTH = {"a": "10.0.0.1:1", "b": "10.0.0.1:2"}


async def test_a_gateway_knows_itself_before_anybody_else(gateways: Gateways) -> None:
    assert gateways.add("a", 1).peers == {"a": "10.0.0.1:1"}


async def test_gateways_find_each_other(gateways: Gateways) -> None:
    first, second = gateways.add("a", 1), gateways.add("b", 2)
    await gateways.live(first, second, first, seconds=RENEW)
    assert first.peers == second.peers == BOTH
    assert gateways.told == [BOTH, BOTH]
    assert first.renewed(RENEW)


async def test_gateways_of_another_release_are_no_peers_and_are_left_alone(gateways: Gateways) -> None:
    first, other = gateways.add("a", 1), gateways.add("b", 2, "other")
    # Its Leases begin as the first one's do.
    longer = gateways.add("c", 3, "funclet-gateway-b")
    await gateways.live(first, other, longer, seconds=RENEW)
    await gateways.live(first, seconds=DURATION + LONG_DEAD + RENEW)
    assert first.peers == {"a": "10.0.0.1:1"}
    left = {each["metadata"]["name"] for each in await gateways.kube.list("Lease", gateways.namespace)}
    assert left == {"funclet-gateway-a", "other-gateway-b", "funclet-gateway-b-gateway-c"}


async def test_a_lease_says_whose_it_is(gateways: Gateways) -> None:
    await gateways.add("a", 1, "other").attempt()
    (lease,) = await gateways.kube.list("Lease", gateways.namespace)
    assert lease["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "funclet",
        "app.kubernetes.io/component": "gateway",
        "funclet.dev/release": "other",
    }


async def test_one_that_stopped_is_no_peer_once_its_lease_ran_out(gateways: Gateways) -> None:
    first, stopped = gateways.add("a", 1), gateways.add("b", 2)
    await gateways.live(stopped, first, seconds=RENEW)
    await gateways.live(first, seconds=DURATION - RENEW)
    assert first.peers == BOTH
    await gateways.live(first, seconds=RENEW)
    assert first.peers == {"a": "10.0.0.1:1"}
    assert not stopped.renewed(DURATION)


async def test_one_that_leaves_is_no_peer_at_the_next_look(gateways: Gateways) -> None:
    first, leaving = gateways.add("a", 1), gateways.add("b", 2)
    await gateways.live(first, leaving, first, seconds=RENEW)
    await leaving.leave()
    await gateways.live(first, seconds=RENEW)
    assert first.peers == {"a": "10.0.0.1:1"}


async def test_while_the_api_server_is_away_the_last_view_stands_and_so_after(
    gateways: Gateways, nobody: ClusterKube
) -> None:
    first, second = gateways.add("a", 1), gateways.add("b", 2)
    await gateways.live(first, second, first, seconds=RENEW)
    first._kube = second._kube = nobody
    await gateways.live(first, second, seconds=10 * DURATION)
    assert first.peers == second.peers == BOTH
    assert not first.renewed(DURATION)
    first._kube = second._kube = gateways.kube
    # The first to come back sees the other's Lease as old as the outage.
    await gateways.live(first, second, seconds=DURATION * 2)
    assert first.peers == second.peers == BOTH
    assert gateways.told == [BOTH, BOTH]


async def test_one_that_died_while_the_api_server_was_away_is_no_peer_soon_after(
    gateways: Gateways, nobody: ClusterKube
) -> None:
    first, dying = gateways.add("a", 1), gateways.add("b", 2)
    await gateways.live(first, dying, first, seconds=RENEW)
    first._kube = nobody
    await gateways.live(first, seconds=DURATION)
    first._kube = gateways.kube
    await gateways.live(first, seconds=DURATION + RENEW)
    assert first.peers == {"a": "10.0.0.1:1"}


async def test_the_lease_of_one_long_dead_is_removed_and_that_of_one_recently_dead_is_not(
    gateways: Gateways,
) -> None:
    first, dead = gateways.add("a", 1), gateways.add("b", 2)
    await gateways.live(dead, first, seconds=RENEW)
    await gateways.live(first, seconds=LONG_DEAD)
    assert len(await gateways.kube.list("Lease")) == 2
    await gateways.live(first, seconds=DURATION + RENEW)
    assert [each["spec"]["holderIdentity"] for each in await gateways.kube.list("Lease")] == ["a"]


async def test_one_whose_lease_was_removed_comes_back(gateways: Gateways) -> None:
    first, thought_dead = gateways.add("a", 1), gateways.add("b", 2)
    await gateways.live(first, thought_dead, seconds=RENEW)
    await gateways.live(first, seconds=LONG_DEAD + 2 * DURATION)
    await gateways.live(thought_dead, first, seconds=RENEW)
    assert first.peers == BOTH


async def test_a_gateway_that_moved_is_found_at_its_new_address(gateways: Gateways) -> None:
    first = gateways.add("a", 1)
    await gateways.live(gateways.add("b", 2), first, seconds=RENEW)
    await gateways.live(gateways.add("b", 3), first, seconds=RENEW)
    assert first.peers == {"a": "10.0.0.1:1", "b": "10.0.0.1:3"}


async def test_while_the_api_server_is_away_the_view_of_an_earlier_life_stands(
    gateways: Gateways, nobody: ClusterKube
) -> None:
    second = gateways.add("b", 2)
    await gateways.live(second, seconds=RENEW)
    first = gateways.add("a", 1)
    first._kube = nobody
    await gateways.live(first, seconds=RENEW)
    first.restore({"a": "10.0.0.9:9", "b": "10.0.0.1:2", "dead": "10.0.0.1:3"})
    both_and_one = {**BOTH, "dead": "10.0.0.1:3"}
    assert first.peers == gateways.told[-1] == both_and_one
    await gateways.live(first, seconds=DURATION)
    assert first.peers == both_and_one
    # What the Leases say counts as soon as they can be read.
    first._kube = gateways.kube
    await gateways.live(first, seconds=RENEW)
    assert first.peers == gateways.told[-1] == BOTH


async def test_the_view_of_an_earlier_life_does_not_replace_what_was_seen_in_this_one(
    gateways: Gateways,
) -> None:
    first = gateways.add("a", 1)
    await gateways.live(first, seconds=RENEW)
    first.restore(BOTH)
    assert first.peers == {"a": "10.0.0.1:1"}
    assert gateways.told == []
