"""Which gateway is home: the same everywhere, and few functions move when gateways come or go."""

import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.gateway.home.homes import UNDIALLABLE, Homes, home_among
from support.clock import Clock

NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
GATEWAYS = st.lists(NAMES, min_size=1, max_size=6, unique=True)
FUNCTIONS = st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=40, unique=True)
PEERS = {"a": "10.0.0.1:1", "b": "10.0.0.2:1", "c": "10.0.0.3:1"}
MANY = [("default", f"f{number}") for number in range(300)]


@given(gateways=GATEWAYS, functions=FUNCTIONS, data=st.data())
def test_the_order_in_which_gateways_are_known_does_not_matter(
    gateways: list[str], functions: list[tuple[str, str]], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(gateways))
    for namespace, function in functions:
        assert home_among(gateways, namespace, function) == home_among(shuffled, namespace, function)


@given(gateways=GATEWAYS, new=NAMES, functions=FUNCTIONS)
def test_a_gateway_that_comes_takes_its_own_functions_and_moves_no_other(
    gateways: list[str], new: str, functions: list[tuple[str, str]]
) -> None:
    for namespace, function in functions:
        before = home_among(gateways, namespace, function)
        assert home_among([*gateways, new], namespace, function) in {before, new}


@given(gateways=st.lists(NAMES, min_size=2, max_size=6, unique=True), functions=FUNCTIONS)
def test_a_gateway_that_goes_moves_its_own_functions_and_no_other(
    gateways: list[str], functions: list[tuple[str, str]]
) -> None:
    gone, *left = gateways
    for namespace, function in functions:
        before = home_among(gateways, namespace, function)
        assert home_among(left, namespace, function) == before or before == gone


def test_functions_are_spread_evenly() -> None:
    share = Counter(home_among("abc", *each) for each in MANY)
    assert min(share.values()) > 70


def test_the_home_is_the_one_that_the_contract_says() -> None:
    weights = {each: hashlib.sha256(f"{each}\nshop/pay".encode()).digest() for each in "abcdef"}
    assert home_among("abcdef", "shop", "pay") == max(weights, key=lambda each: weights[each])


def test_without_gateways_there_is_no_home() -> None:
    with pytest.raises(ValueError, match="empty"):
        home_among([], "default", "hello")


class View:
    """The homes as one gateway sees them, with how often it was told of a change."""

    def __init__(self, own: str = "a") -> None:
        self.clock = Clock()
        self.homes = Homes(own, clock=self.clock)
        self.changes = 0
        self.homes.on_change = self._changed

    def _changed(self) -> None:
        self.changes += 1

    def among(self) -> set[str]:
        return {self.homes.home(*each) for each in MANY}


def test_a_gateway_alone_is_home_of_everything() -> None:
    view = View()
    assert view.among() == {"a"}
    view.homes.leave()
    assert view.among() == {"a"}


def test_all_gateways_see_the_same_homes() -> None:
    views = [View(own) for own in PEERS]
    for view in views:
        view.homes.update(PEERS)
    for each in MANY:
        assert len({view.homes.home(*each) for view in views}) == 1
        assert [view.homes.is_own(*each) for view in views].count(True) == 1


def test_a_view_that_stays_the_same_tells_nobody() -> None:
    view = View()
    view.homes.update(PEERS)
    view.homes.update(dict(PEERS))
    view.homes.update({name: address for name, address in PEERS.items() if name != "a"})
    assert view.changes == 1


def test_a_peer_that_moved_is_dialled_at_its_new_address() -> None:
    view = View()
    view.homes.update(PEERS)
    view.homes.update({**PEERS, "b": "10.0.0.9:1"})
    assert view.homes.address("b") == "10.0.0.9:1"
    assert view.changes == 2


def test_a_peer_that_cannot_be_dialled_is_home_of_nothing_for_a_while() -> None:
    view = View()
    view.homes.update(PEERS)
    view.homes.undiallable("b")
    assert view.among() == {"a", "c"}
    view.clock.time += UNDIALLABLE - 0.1
    assert view.among() == {"a", "c"}
    view.clock.time += 0.1
    assert view.among() == {"a", "b", "c"}
    assert view.changes == 3


def test_a_peer_is_forgiven_although_nobody_calls() -> None:
    view = View()
    view.homes.update(PEERS)
    view.homes.undiallable("b")
    view.clock.time += UNDIALLABLE
    view.homes.forgive()
    view.homes.forgive()
    assert view.changes == 3


def test_a_peer_that_can_never_be_dialled_is_tried_less_and_less_often() -> None:
    view = View()
    view.homes.update(PEERS)
    for seconds in (5, 10, 20, 40, 60, 60):
        view.homes.undiallable("b")
        view.clock.time += seconds - 0.1
        assert view.among() == {"a", "c"}
        view.clock.time += 0.1
        assert view.among() == {"a", "b", "c"}
    view.homes.reached("b")
    view.homes.undiallable("b")
    view.clock.time += UNDIALLABLE
    assert view.among() == {"a", "b", "c"}


def test_calls_that_fail_together_are_one_failure() -> None:
    view = View()
    view.homes.update(PEERS)
    for _ in range(8):
        view.homes.undiallable("b")
    view.clock.time += UNDIALLABLE
    assert view.among() == {"a", "b", "c"}


def test_a_peer_that_said_it_leaves_is_home_of_nothing_until_it_is_another() -> None:
    view = View()
    view.homes.update(PEERS)
    view.homes.left("b")
    view.homes.left("b")
    view.clock.time += 1000
    assert (view.among(), view.changes) == ({"a", "c"}, 2)
    view.homes.update({"c": PEERS["c"]})
    view.homes.update(PEERS)
    assert view.among() == {"a", "b", "c"}


def test_whom_others_pass_over_is_passed_over_for_a_while_and_not_told_on() -> None:
    view = View()
    view.homes.update(PEERS)
    view.homes.heed(["b", "a", "stranger"])
    view.homes.heed(["b"])
    assert (view.among(), view.changes) == ({"a", "c"}, 2)
    assert view.homes.passed_over == []
    view.clock.time += UNDIALLABLE
    assert view.among() == {"a", "b", "c"}


def test_what_a_gateway_tells_others_it_knows_at_first_hand() -> None:
    view = View()
    view.homes.update(PEERS)
    view.homes.undiallable("c")
    view.homes.left("b")
    assert view.homes.passed_over == ["b", "c"]
    view.clock.time += UNDIALLABLE
    view.homes.forgive()
    assert view.homes.passed_over == ["b"]


def test_a_gateway_that_leaves_is_home_of_nothing_any_more() -> None:
    view = View()
    view.homes.update(PEERS)
    view.homes.leave()
    assert view.among() == {"b", "c"}
    for peer in ("b", "c"):
        view.homes.undiallable(peer)
    assert view.among() == {"a"}


def test_whoever_asks_while_being_told_of_a_change_sees_the_new_view() -> None:
    view = View()
    seen: list[set[str]] = []
    view.homes.on_change = lambda: seen.append(view.among())
    view.homes.update(PEERS)
    view.homes.undiallable("b")
    view.clock.time += UNDIALLABLE
    view.homes.home("default", "f1")
    assert seen == [{"a", "b", "c"}, {"a", "c"}, {"a", "b", "c"}]
