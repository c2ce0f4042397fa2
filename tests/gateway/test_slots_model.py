"""Any order of events keeps the cap, loses no waiter, leaks no place; a broken twin is caught."""

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from funclet.gateway.failure import MOVED, Failure, StartFailedError
from funclet.gateway.pool import Place, Waiter
from funclet.lambda_api.errors import LambdaApiError
from support.gateway import revision
from support.slots import SlotsWorld

REVISIONS = [revision(build="a"), revision("hello", "1"), revision("hello", "2")]
FAILED = Failure("InitFailed", "no")


class SlotsMachine(RuleBasedStateMachine):
    """Calls come, go and vanish; instances start, fail, die; settings change."""

    def __init__(self) -> None:
        super().__init__()
        self.world = SlotsWorld(starts=4, instances=6, waiters=10)
        self.cap: int | None = None
        self.waiting: list[Waiter] = []
        self.running: list[Place] = []
        #: the cap held when a call was admitted
        self.admitted_over_cap = False

    def _call(self, which: int) -> None:
        box: list[Waiter] = []

        def deliver(given: Place | Failure | None) -> None:
            self.waiting.remove(box[0])
            if isinstance(given, Place):
                self.running.append(given)

        before = len(self.running) + len(self.waiting)
        try:
            got = self.world.slots.acquire(REVISIONS[which], deliver)
        except (LambdaApiError, StartFailedError):
            return
        if self.cap is not None and before >= self.cap:
            self.admitted_over_cap = True
        if isinstance(got, Place):
            self.running.append(got)
        else:
            box.append(got)
            self.waiting.append(got)

    @rule(which=st.integers(0, 2))
    def a_call_comes(self, which: int) -> None:
        self._call(which)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def a_call_ends(self, data: st.DataObject) -> None:
        place = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        if place.fit:
            self.world.slots.prove(place)
        self.world.slots.release(place)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def a_call_breaks_in_init(self, data: st.DataObject) -> None:
        place = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self.world.slots.init_failed(place, FAILED)
        self.world.slots.discard(place)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def a_waiter_vanishes(self, data: st.DataObject) -> None:
        waiter = self.waiting.pop(data.draw(st.integers(0, len(self.waiting) - 1)))
        self.world.slots.abandon(waiter)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def a_call_was_not_started(self, data: st.DataObject) -> None:
        place = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        box: list[Waiter] = []

        def deliver(given: Place | Failure | None) -> None:
            self.waiting.remove(box[0])
            if isinstance(given, Place):
                self.running.append(given)

        try:
            got = self.world.slots.retry(place, deliver)
        except StartFailedError:
            return
        if isinstance(got, Place):
            self.running.append(got)
        else:
            box.append(got)
            self.waiting.append(got)

    @precondition(lambda self: self.world.pending)
    @rule(data=st.data())
    def a_start_succeeds(self, data: st.DataObject) -> None:
        self.world.finish_start(data.draw(st.integers(0, len(self.world.pending) - 1)))

    @precondition(lambda self: self.world.pending)
    @rule()
    def a_start_fails(self) -> None:
        self.world.slots.start_failed(self.world.pending.pop(), FAILED)

    @precondition(lambda self: self.world.slots.places())
    @rule(data=st.data())
    def an_instance_dies(self, data: st.DataObject) -> None:
        places = sorted(self.world.slots.places(), key=lambda place: place.link.instance.id)
        self.world.slots.lost(data.draw(st.sampled_from(places)), Failure("InstanceEnded", "killed"))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def a_call_met_an_instance_that_is_occupied(self, data: st.DataObject) -> None:
        place = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        box: list[Waiter] = []

        def deliver(given: Place | Failure | None) -> None:
            self.waiting.remove(box[0])
            if isinstance(given, Place):
                self.running.append(given)

        got = self.world.slots.retry(place, deliver, keep=True)
        # It stays busy until it is given back.
        self.running.append(place)
        if isinstance(got, Place):
            self.running.append(got)
        else:
            box.append(got)
            self.waiting.append(got)

    @rule(which=st.integers(0, 2))
    def an_instance_appears(self, which: int) -> None:
        self.world.adopt(REVISIONS[which])

    @precondition(lambda self: self.world.slots.places())
    @rule(data=st.data())
    def an_instance_drains_by_itself(self, data: st.DataObject) -> None:
        places = sorted(self.world.slots.places(), key=lambda place: place.link.instance.id)
        self.world.slots.leave(data.draw(st.sampled_from(places)))

    @rule(keep=st.sets(st.integers(0, 2)))
    def another_gateway_becomes_home(self, keep: set[int]) -> None:
        before, ended = len(self.running), len(self.world.ended)
        self.world.slots.surrender()
        assert (self.waiting, len(self.running)) == ([], before)
        assert len(self.world.ended) == ended
        assert all(place.busy and not place.fit for place in self.world.slots.places())
        self.world.slots.keep({REVISIONS[index].key for index in keep})

    @precondition(lambda self: self.world.pending)
    @rule()
    def a_start_ends_as_the_home_moved(self) -> None:
        pool = self.world.pending.pop()
        failure = pool.failure
        self.world.slots.start_failed(pool, MOVED)
        assert pool.failure is failure
        # Who waits for the room that it took is seen to by the next sweep.
        self.world.slots.sweep()

    @rule(keep=st.sets(st.integers(0, 2)))
    def routes_change(self, keep: set[int]) -> None:
        self.world.slots.keep({REVISIONS[index].key for index in keep})

    @rule(cap=st.none() | st.integers(0, 4), minimum=st.integers(0, 2))
    def settings_change(self, cap: int | None, minimum: int) -> None:
        self.cap = cap
        self.world.configure(reserved=cap, idle=20.0, minimum=minimum, serving=REVISIONS[0])

    @rule(seconds=st.sampled_from([0.01, 1.0, 5.0, 30.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.now += seconds
        self.world.slots.sweep()

    @invariant()
    def no_call_is_admitted_over_the_cap(self) -> None:
        assert not self.admitted_over_cap

    @invariant()
    def the_books_agree_with_the_callers(self) -> None:
        slots = self.world.slots
        assert slots.running == len(self.running)
        assert slots.waiting == len(self.waiting)
        assert {place for place in slots.places() if place.busy} == set(self.running)
        assert sum(pool.busy for pool in slots.pools.values()) == len(self.running)

    @invariant()
    def nobody_waits_beside_an_idle_instance(self) -> None:
        for pool in self.world.slots.pools.values():
            assert not (pool.waiters and pool.idle)

    @invariant()
    def idle_instances_are_fit_and_known(self) -> None:
        for pool in self.world.slots.pools.values():
            for place in pool.idle:
                assert place.fit
                assert not place.busy
                assert place in pool.places

    @invariant()
    def a_waiter_is_waited_for(self) -> None:
        """Each waiter has a start, a busy instance of its function, or a back-off to wait out.

        Not so in a function that is stopped by a cap of 0: who was let in before waits for its deadline.
        """
        for pool in self.world.slots.pools.values():
            if pool.waiters:
                assert self.world.pending or self.running or pool.failure is not None or self.cap == 0

    @invariant()
    def nothing_stays_of_what_is_retired_and_empty(self) -> None:
        assert all(pool.alive or not pool.retired for pool in self.world.slots.pools.values())

    def teardown(self) -> None:
        """Let everything end: nothing may be left."""
        while self.world.pending:
            self.world.finish_start()
        while self.running:
            self.world.slots.release(self.running.pop())
            while self.world.pending:
                self.world.finish_start()
        self.world.now += 1000.0
        self.world.slots.sweep()
        assert self.waiting == []
        assert (self.world.slots.running, self.world.slots.waiting) == (0, 0)


def test_slots_hold_in_any_order_of_events() -> None:
    run_state_machine_as_test(
        SlotsMachine, settings=settings(max_examples=200, stateful_step_count=40, deadline=None)
    )


class ForgetfulMachine(SlotsMachine):
    """The negative twin: a place is given back without a look at the queue."""

    def __init__(self) -> None:
        super().__init__()
        slots = self.world.slots

        def release(place: Place) -> None:
            if place.fit:
                slots._set_idle(place, self.world.now)
            else:
                slots.discard(place)

        slots.release = release  # type: ignore[method-assign]  # a fault is put in


def test_a_slot_that_forgets_its_waiters_is_caught() -> None:
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            ForgetfulMachine,
            settings=settings(
                max_examples=2000,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                report_multiple_bugs=False,
            ),
        )
