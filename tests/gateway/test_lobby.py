"""Who is let in, and who goes for whom."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from funclet.gateway.lobby import Lobby, address_of, within_descriptors
from funclet.gateway.settings import GatewaySettings, ListenerLimits
from support.gateway import (
    FakeStarter,
    Received,
    Reply,
    exchange,
    invoke_bytes,
    is_closed,
    route,
    serving,
    until,
)

MOST, EACH = 6, 3
LIMITS = ListenerLimits(connections=MOST, connections_per_address=EACH)


class Guest:
    """A connection that goes as soon as it is told to."""

    def __init__(self, lobby: Lobby, address: str | None) -> None:
        self.lobby = lobby
        self.address = address
        self.gone = False

    def sweep(self, now: float) -> None:
        """Nothing is due."""

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        self.gone = True
        self.lobby.leave(self)


class Doors(RuleBasedStateMachine):
    """Connections come, work, rest and go in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.lobby = Lobby(LIMITS)
        self.resting: list[Guest] = []
        self.working: list[Guest] = []
        self.leaving: list[Guest] = []

    def there(self) -> list[Guest]:
        return [*self.resting, *self.working, *self.leaving]

    @rule(address=st.sampled_from(["a", "b", "c", None]))
    def come(self, address: str | None) -> None:
        guest = Guest(self.lobby, address)
        if not self.lobby.enter(guest):
            assert len(self.working) == MOST
            return
        if self.lobby.seat(guest):
            self.lobby.rests(guest)
            self.resting.append(guest)
        else:
            assert sum(each.address == address for each in self.working) == EACH
            self.leaving.append(guest)
        for group in (self.resting, self.working, self.leaving):
            group[:] = [each for each in group if not each.gone]

    @precondition(lambda self: self.resting)
    @rule(data=st.data())
    def work(self, data: st.DataObject) -> None:
        guest = data.draw(st.sampled_from(self.resting))
        self.resting.remove(guest)
        self.working.append(guest)
        self.lobby.works(guest)

    @precondition(lambda self: self.working)
    @rule(data=st.data())
    def rest(self, data: st.DataObject) -> None:
        guest = data.draw(st.sampled_from(self.working))
        self.working.remove(guest)
        self.resting.append(guest)
        self.lobby.rests(guest)

    @precondition(lambda self: self.there())
    @rule(data=st.data())
    def go(self, data: st.DataObject) -> None:
        guest = data.draw(st.sampled_from(self.there()))
        for group in (self.resting, self.working, self.leaving):
            if guest in group:
                group.remove(guest)
        guest.abort()

    @invariant()
    def nobody_who_works_was_sent_away(self) -> None:
        assert not any(guest.gone for guest in self.working)

    @invariant()
    def the_caps_hold(self) -> None:
        assert self.lobby.connections == set(self.there())
        assert len(self.lobby.connections) <= MOST
        for address in "abc":
            assert sum(guest.address == address for guest in self.there()) <= EACH

    @invariant()
    def addresses_without_connections_are_forgotten(self) -> None:
        assert set(self.lobby._from) == {each.address for each in self.there() if each.address is not None}


TestDoors = Doors.TestCase
TestDoors.settings = settings(max_examples=60, deadline=None)


def test_who_is_welcome_finds_room_and_never_goes_for_somebody() -> None:
    lobby = Lobby(LIMITS, welcome=lambda address: address == "peer")
    strangers = [Guest(lobby, f"s{number}") for number in range(MOST)]
    peers = [Guest(lobby, "peer") for _ in range(2 * EACH)]
    for each in (*strangers, *peers):
        assert lobby.enter(each, each.address)
        assert lobby.seat(each)
        lobby.rests(each)
    assert not any(each.gone for each in strangers)
    for number in range(MOST):
        assert lobby.enter(Guest(lobby, f"t{number}"))
    assert all(each.gone for each in strangers)
    assert not any(each.gone for each in peers)
    for each in peers:
        lobby.works(each)
        lobby.leave(each)
    assert lobby._welcomed == set()


def test_who_was_turned_away_goes_before_who_is_idle() -> None:
    lobby = Lobby(replace(LIMITS, connections=3, connections_per_address=1))
    working, turned_away, resting, new = (Guest(lobby, address) for address in "aabc")
    for guest in (working, resting, turned_away):
        assert lobby.enter(guest)
        assert lobby.seat(guest) == (guest is not turned_away)
    lobby.rests(resting)
    assert lobby.enter(new)
    assert [guest.gone for guest in (working, resting, turned_away)] == [False, False, True]


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        (("10.0.0.1", 4711), "10.0.0.1"),
        (("2001:db8:1:2:3:4:5:6", 4711, 0, 0), "2001:db8:1:2::/64"),
        (("2001:db8:1:2:ffff::1", 4711, 0, 0), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 4711, 0, 2), "fe80::/64"),
        (("::ffff:10.0.0.1", 4711, 0, 0), "10.0.0.1"),
        ("", None),
        (None, None),
    ],
)
def test_a_connection_counts_for_a_host_or_a_network_that_one_host_may_have(
    peer: object, address: str | None
) -> None:
    assert address_of(peer) == address


def test_clients_leave_descriptors_for_the_instances() -> None:
    limits = ListenerLimits(connections=10_000)
    assert within_descriptors(limits, -1) == limits
    assert within_descriptors(limits, 1_000_000) == limits
    assert within_descriptors(limits, 1024) == replace(limits, connections=768)


async def test_an_address_over_its_cap_is_told_so_as_a_throttled_caller_is(starter: FakeStarter) -> None:
    gate = asyncio.Event()

    async def hold(call: Received) -> Reply:
        await gate.wait()
        return Reply(call.body)

    starter.behaviour = hold
    limits = GatewaySettings(listener=ListenerLimits(connections_per_address=2))
    async with serving(starter, route(), settings=limits) as gateway:
        busy = [asyncio.create_task(exchange(gateway.port, invoke_bytes())) for _ in range(2)]
        await until(lambda: gateway.admission.requests == 2)
        refused = await exchange(gateway.port, invoke_bytes())
        assert (refused.status, refused.headers["x-amzn-errortype"]) == (429, "TooManyRequestsException")
        assert refused.json() == {
            "Reason": "CallerRateLimitExceeded",
            "Type": "User",
            "message": "Rate Exceeded.",
        }
        assert (refused.headers["retry-after"], refused.headers["connection"]) == ("1", "close")
        gate.set()
        assert [(await each).status for each in busy] == [200, 200]
        assert (await exchange(gateway.port, invoke_bytes())).status == 200


async def test_an_address_at_its_cap_does_not_take_the_place_of_another(starter: FakeStarter) -> None:
    limits = GatewaySettings(listener=ListenerLimits(connections_per_address=2))
    async with serving(starter, route(), settings=limits) as gateway:
        own = [
            await asyncio.open_connection("127.0.0.1", gateway.port, local_addr=("127.0.0.2", 0))
            for _ in range(3)
        ]
        assert await is_closed(own[0][0])
        assert (await exchange(gateway.port, invoke_bytes())).status == 200
        for _, writer in own:
            writer.close()
