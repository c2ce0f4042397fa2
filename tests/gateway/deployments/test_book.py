"""What the scale of one revision should be: a table, and a model in which anything may happen."""

import itertools

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

from funclet.gateway.deployments.book import SETTLE, Book, Seen


def book(*, held: int = 0, retiring: int = 0, unready: int = 0, waiting: int = 0) -> Book:
    """A book; of the held pods the first ones retire, and of these the first ones are unready."""
    made = Book()
    for uid in map(str, range(held)):
        made.arrive(uid)
    for uid in map(str, range(max(retiring, unready))):
        made.retire(uid)
    for uid in map(str, range(unready)):
        made.see_unready(uid)
    for number in range(waiting):
        made.begin(number)
    return made


@pytest.mark.parametrize(
    ("was", "seen", "scale"),
    [
        (book(), Seen(0), None),
        (book(waiting=1), Seen(0), 1),
        (book(waiting=3), Seen(1), 3),
        (book(held=2, waiting=1), Seen(2), 3),
        (book(waiting=1), Seen(1), None),
        (book(waiting=1), Seen(1, coming=1), None),
        (book(waiting=2), Seen(1, coming=1), 2),
        (book(held=1, waiting=1), Seen(1, coming=1), 2),
        (book(held=2), Seen(1), 2),
        (book(held=1, unready=1, waiting=1), Seen(1), 2),
        (book(held=2, unready=1), Seen(2, coming=1), 3),
    ],
)
def test_the_scale_is_raised_at_once(was: Book, seen: Seen, scale: int | None) -> None:
    assert was.scale(seen, 0.0) == scale


@pytest.mark.parametrize(
    ("was", "seen", "scale"),
    [
        (book(), Seen(1), 0),
        (book(held=1), Seen(3), 1),
        (book(held=2, unready=1), Seen(2), 1),
        (book(held=2, unready=2), Seen(2), 0),
        # One that was just reached is unready for the kubelet too, and would be taken for the one that retires.
        (book(held=2, unready=1), Seen(2, settling=1), None),
        (book(held=2, unready=1), Seen(4, settling=1), 2),
        (book(held=2, retiring=2), Seen(2), None),
        (book(), Seen(1, coming=1), None),
        (book(held=1), Seen(3, coming=1), 2),
    ],
)
def test_the_scale_is_lowered_when_it_was_too_much_for_a_moment(
    was: Book, seen: Seen, scale: int | None
) -> None:
    assert was.scale(seen, 10.0) is None
    assert was.scale(seen, 10.0 + SETTLE * 0.9) is None
    assert was.scale(seen, 10.0 + SETTLE) == scale


def test_a_surplus_that_was_interrupted_begins_anew() -> None:
    was = book(held=1)
    assert was.scale(Seen(2), 0.0) is None
    assert was.scale(Seen(2, coming=1), 0.9) is None
    assert was.scale(Seen(2), 1.0) is None
    assert was.scale(Seen(2), 1.0 + SETTLE) == 1


def test_pods_end_the_starts_in_their_order() -> None:
    was = book(waiting=2)
    assert [was.arrive("a"), was.arrive("b"), was.arrive("c")] == [0, 1, None]
    assert was.held == {"a", "b", "c"}


def test_only_a_held_pod_can_retire_and_only_a_retiring_one_be_unready() -> None:
    was = book(held=1)
    was.see_unready("0")
    was.retire("stranger")
    assert (was.retiring, was.unready) == (set(), set())


def test_a_lost_pod_whose_successor_comes_up_keeps_its_place() -> None:
    was = book(held=1)
    was.lose("0")
    assert was.scale(Seen(1), 0.0) is None
    for now in range(1, 60):
        assert was.scale(Seen(1, coming=1), float(now)) is None
    assert was.arrive("successor") is None
    assert was.scale(Seen(1), 60.0) is None


def test_a_start_that_is_given_up_is_not_scaled_for() -> None:
    was = book(waiting=1)
    was.give_up(0)
    assert was.scale(Seen(1), 0.0) is None
    assert was.scale(Seen(1), SETTLE) == 0
    assert was.is_empty


class BookMachine(RuleBasedStateMachine):
    """A Deployment whose pods come and go; the writes reach it as they are made."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()
        self.numbers = itertools.count()
        self.now = 0.0
        self.replicas = 0
        self.coming: set[str] = set()
        self.starts: set[int] = set()
        self.surplus_since: float | None = None

    def _uid(self) -> str:
        return f"p{next(self.numbers)}"

    @rule()
    def a_start_begins(self) -> None:
        number = next(self.numbers)
        self.starts.add(number)
        self.book.begin(number)

    @precondition(lambda self: self.starts)
    @rule(data=st.data())
    def a_start_is_given_up(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.starts)))
        self.starts.discard(number)
        self.book.give_up(number)

    @precondition(lambda self: len(self.coming) + len(self.book.held) < self.replicas)
    @rule()
    def a_pod_is_made(self) -> None:
        self.coming.add(self._uid())

    @precondition(lambda self: self.coming)
    @rule()
    def a_pod_arrives(self) -> None:
        uid = min(self.coming)
        self.coming.discard(uid)
        ended = self.book.arrive(uid)
        assert (ended is None) == (not self.starts)
        if ended is not None:
            assert ended == min(self.starts)
            self.starts.discard(ended)

    @precondition(lambda self: self.book.held)
    @rule(data=st.data())
    def a_pod_retires(self, data: st.DataObject) -> None:
        self.book.retire(data.draw(st.sampled_from(sorted(self.book.held))))

    @precondition(lambda self: self.book.held)
    @rule(data=st.data())
    def a_pod_is_seen_unready(self, data: st.DataObject) -> None:
        self.book.see_unready(data.draw(st.sampled_from(sorted(self.book.held))))

    @precondition(lambda self: self.book.held)
    @rule(data=st.data())
    def a_pod_is_lost(self, data: st.DataObject) -> None:
        self.book.lose(data.draw(st.sampled_from(sorted(self.book.held))))

    @rule(seconds=st.sampled_from([0.01, 0.25, 0.5, SETTLE]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(replicas=st.integers(0, 4))
    def somebody_else_scales(self, replicas: int) -> None:
        self.replicas = replicas

    @rule()
    def the_scale_is_decided(self) -> None:
        book, coming = self.book, max(len(self.book.waiting), len(self.coming))
        wanted = book.scale(Seen(self.replicas, len(self.coming)), self.now)
        needed = len(book.held) + coming
        floor = needed if coming else needed - len(book.unready)
        if self.replicas < floor:
            assert wanted == floor
        elif wanted is not None:
            # Never below what is held and useful, never while a pod comes up in place of one that goes.
            assert wanted == floor < self.replicas
            assert wanted >= len(book.held - book.unready) + coming
            assert self.surplus_since is not None
            assert self.now - self.surplus_since >= SETTLE
        if self.replicas <= floor:
            self.surplus_since = None
        elif self.surplus_since is None:
            self.surplus_since = self.now
        if wanted is not None:
            self.replicas = wanted

    @invariant()
    def the_books_agree(self) -> None:
        assert self.book.unready <= self.book.retiring <= self.book.held
        assert set(self.book.waiting) == self.starts
        assert self.book.is_empty == (not self.book.held and not self.starts)


def test_in_any_order_of_events_the_scale_is_never_lowered_below_what_is_held() -> None:
    run_state_machine_as_test(
        BookMachine, settings=settings(max_examples=60, stateful_step_count=40, deadline=None)
    )


def test_a_book_that_lowers_at_once_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("funclet.gateway.deployments.book.SETTLE", 0.0)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            BookMachine,
            settings=settings(
                max_examples=500,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                report_multiple_bugs=False,
            ),
        )
