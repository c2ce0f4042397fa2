"""What slots and routes do when instances appear, drain by themselves, or another gateway becomes home."""

import asyncio

import pytest

from funclet.gateway.failure import MOVED
from funclet.gateway.pool import Place, Waiter
from funclet.gateway.router import Router
from funclet.gateway.slots import FunctionSlots
from funclet.lambda_api.errors import LambdaApiError
from funclet.plan.revision import Revision
from support.gateway import revision, route
from support.slots import SlotsWorld

A, B = revision(build="a"), revision(build="b")


@pytest.fixture
async def world() -> SlotsWorld:
    """A function without a cap, in the loop that its instances' futures need."""
    asyncio.get_running_loop()
    return SlotsWorld()


async def test_an_instance_that_appears_serves_who_waits(world: SlotsWorld) -> None:
    world.acquire(A)
    place = world.adopt(A)
    assert world.given == [place]
    assert place.busy


async def test_an_instance_that_appears_stands_by_below_those_that_are_warm(world: SlotsWorld) -> None:
    warm = world.idle(A)
    world.adopt(A)
    assert world.take(A) is warm


async def test_an_instance_that_appears_is_no_start_that_is_under_way(world: SlotsWorld) -> None:
    world.acquire(A)
    world.adopt(A)
    assert world.slots.pools[A.key].starting == len(world.pending) == 1


async def test_an_idle_instance_that_drains_is_given_to_nobody(world: SlotsWorld) -> None:
    place = world.idle(A)
    world.slots.leave(place)
    world.slots.leave(place)
    assert isinstance(world.acquire(A), Waiter)
    assert world.ended == []


async def test_a_busy_instance_that_drains_finishes_its_call(world: SlotsWorld) -> None:
    place = world.busy(A)
    world.slots.leave(place)
    assert world.slots.running == 1
    world.slots.release(place)
    assert world.slots.running == 0
    assert world.slots.places() == []


async def test_an_instance_that_drains_makes_room_for_another(world: SlotsWorld) -> None:
    world.configure(reserved=1)
    place = world.idle(A)
    world.slots.leave(place)
    world.acquire(A)
    assert world.starting == [A.key]


async def test_who_waits_is_sent_to_the_new_home(world: SlotsWorld) -> None:
    world.acquire(A)
    world.acquire(B)
    world.slots.surrender()
    assert world.given == [MOVED, MOVED]
    assert world.slots.waiting == 0


async def test_what_runs_when_the_home_moves_is_finished_and_nothing_is_ended(world: SlotsWorld) -> None:
    idle, busy = world.idle(A), world.busy(B)
    world.slots.surrender()
    assert world.ended == []
    assert world.slots.places() == [busy]
    assert not idle.fit
    world.slots.release(busy)
    assert (world.slots.running, world.slots.pools) == (0, {})


async def test_an_instance_that_was_let_go_and_ends_later_changes_nothing(world: SlotsWorld) -> None:
    place = world.idle(A)
    world.slots.surrender()
    world.slots.lost(place, MOVED)
    assert world.slots.pools == {}


async def test_a_start_that_ended_as_the_home_moved_is_no_failure(world: SlotsWorld) -> None:
    world.acquire(A)
    world.slots.surrender()
    world.slots.keep({A.key})
    # The home comes back before the start has heard of it: who waits finds out where it is.
    world.acquire(A)
    world.fail_start(A.key, MOVED)
    assert world.given == [MOVED, MOVED]
    world.acquire(A)
    assert world.slots.pools[A.key].failure is None
    assert world.starting == [A.key]


# -- an instance that runs a call of the gateway that was home before


async def test_a_call_leaves_an_occupied_instance_and_waits_in_front(world: SlotsWorld) -> None:
    place = world.busy(A)
    later = world.acquire(A)
    got = world.slots.retry(place, world.deliver, keep=True)
    assert list(world.slots.pools[A.key].waiters) == [got, later]
    assert (world.ended, world.slots.running) == ([], 1)
    world.slots.vacate(place)
    assert world.given == [place]


async def test_a_call_that_met_an_occupied_instance_has_another_started(world: SlotsWorld) -> None:
    place = world.busy(A)
    world.slots.retry(place, world.deliver, keep=True)
    assert world.starting == [A.key]
    made = world.finish_start()
    assert world.given == [made]
    world.slots.vacate(place)
    assert world.slots.pools[A.key].idle == [place]


async def test_an_occupied_instance_counts_against_the_cap(world: SlotsWorld) -> None:
    world.configure(reserved=2)
    place, other = world.busy(A), world.idle(A)
    assert world.slots.retry(place, world.deliver, keep=True) is other
    with pytest.raises(LambdaApiError):
        world.acquire(A)


async def test_an_occupied_instance_that_is_lost_meanwhile_ends(world: SlotsWorld) -> None:
    place = world.busy(A)
    waiter = world.slots.retry(place, world.deliver, keep=True)
    assert isinstance(waiter, Waiter)
    world.slots.lost(place, MOVED)
    world.slots.vacate(place)
    assert place not in world.slots.places()
    assert world.slots.running == 0


# -- routes


class Table:
    """A router of which a test says whether it is home, and what the slots of its functions did."""

    def __init__(self, *, home: bool) -> None:
        self.world = SlotsWorld()
        self.home = home
        self.router = Router(self._slots, lambda _: self.home)

    def _slots(self) -> FunctionSlots:
        return self.world.slots

    def put(self, latest: Revision, *, minimum: int = 0, serving: Revision | None = None) -> None:
        self.router.put(("default", "hello"), route(latest=latest, min_instances=minimum, serving=serving))

    def set_home(self, *, own: bool) -> None:
        function = self.router.find("default", "hello")
        assert function is not None
        function.set_home(own=own)

    def has_room_for(self, wanted: Revision) -> bool:
        function = self.router.find("default", "hello")
        assert function is not None
        return function.has_room_for(wanted)

    @property
    def latest(self) -> str:
        function = self.router.find("default", "hello")
        assert function is not None
        found = function.route.versions["$LATEST"]
        assert isinstance(found, Revision)
        return found.key


def test_elsewhere_nothing_is_started_and_latest_is_what_the_table_says() -> None:
    table = Table(home=False)
    table.put(A, minimum=3)
    table.put(B, minimum=3)
    table.router.sweep()
    assert (table.latest, table.world.pending) == (B.key, [])


def test_at_home_a_changed_latest_waits_until_it_is_ready() -> None:
    table = Table(home=True)
    table.put(A)
    place = table.world.idle(A)
    table.put(B)
    assert (table.latest, table.world.starting) == (A.key, [B.key])
    new = table.world.finish_start()
    table.world.slots.prove(new)
    table.router.settle(table.world.slots)
    assert table.latest == B.key
    assert table.world.ended == [place]


def test_a_gateway_that_becomes_home_has_its_minimum_made() -> None:
    table = Table(home=False)
    table.put(A, minimum=2)
    table.set_home(own=True)
    table.router.sweep()
    assert table.world.starting == [A.key, A.key]


def test_a_gateway_that_is_home_no_more_lets_all_go_and_a_takeover_is_the_new_homes() -> None:
    table = Table(home=True)
    table.put(A, minimum=1)
    table.world.idle(A)
    table.put(B, minimum=1)
    table.set_home(own=False)
    table.set_home(own=False)
    table.router.sweep()
    assert table.latest == B.key
    assert table.world.slots.places() == []
    assert table.world.ended == []


@pytest.mark.parametrize("home", [True, False])
def test_a_gateway_that_becomes_home_in_a_takeover_lets_serve_what_served(*, home: bool) -> None:
    table = Table(home=home)
    table.put(B, serving=A)
    table.set_home(own=True)
    assert (table.latest, table.world.starting) == (A.key, [B.key])
    assert table.has_room_for(A)
    old, new = table.world.adopt(A), table.world.finish_start()
    table.world.slots.prove(new)
    table.router.settle(table.world.slots)
    assert table.latest == B.key
    assert table.world.ended == [old]


def test_a_takeover_ends_where_the_status_says_that_what_served_is_gone() -> None:
    table = Table(home=True)
    table.put(B, serving=A)
    table.put(B)
    assert table.latest == B.key


def test_the_route_that_comes_again_changes_nothing() -> None:
    table = Table(home=True)
    table.put(A)
    place: Place = table.world.idle(A)
    table.put(A)
    assert table.world.slots.pools[A.key].idle == [place]
    assert table.world.ended == []


def test_a_function_that_is_gone_ends_what_is_idle_and_finishes_what_runs() -> None:
    table = Table(home=True)
    table.put(A)
    idle, busy = table.world.idle(A), table.world.adopt(A)
    table.world.take(A)
    table.router.put(("default", "hello"), None)
    table.router.put(("default", "hello"), None)
    assert table.world.ended == [busy]
    assert table.router.find("default", "hello") is None
    assert [each.route.name for each in table.router.all()] == ["hello"]
    table.world.slots.release(idle)
    table.router.sweep()
    assert list(table.router.all()) == []


def test_there_is_room_only_for_what_is_routed_or_runs_here() -> None:
    table = Table(home=True)
    table.put(A)
    assert table.has_room_for(A)
    assert not table.has_room_for(B)
    table.world.idle(A)
    table.put(B)
    # While one takes over from the other, there is room for both.
    assert table.has_room_for(A)
    assert table.has_room_for(B)
    table.set_home(own=False)
    assert not table.has_room_for(A)
