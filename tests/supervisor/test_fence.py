"""A fence never says that a call may be sent again which ran or may run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from funclet.supervisor import fence as module
from funclet.supervisor.fence import Fence

if TYPE_CHECKING:
    import pytest


def test_asking_makes_it_so() -> None:
    fence = Fence()
    assert fence.ask(b"a", 0.0) == "refused"
    assert not fence.admit(b"a", 0.0)


def test_what_started_is_never_refused() -> None:
    fence = Fence()
    assert fence.admit(b"a", 0.0)
    assert fence.ask(b"a", 0.0) == "started"


def test_a_token_starts_once() -> None:
    fence = Fence()
    assert fence.admit(b"a", 0.0)
    assert not fence.admit(b"a", 0.0)


def test_what_was_withdrawn_never_runs() -> None:
    fence = Fence()
    fence.admit(b"a", 0.0)
    fence.withdraw(b"a", 0.0)
    assert fence.ask(b"a", 0.0) == "refused"
    assert not fence.admit(b"a", 0.0)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["admit", "ask", "withdraw"]),
            st.integers(0, 60),
            st.sampled_from([0.0, 0.0, 0.0, 1.0, module.HORIZON / 2, module.HORIZON]),
        ),
        max_size=200,
    )
)
def test_with_little_memory_it_errs_towards_started(steps: list[tuple[str, int, float]]) -> None:
    kept, module.GENERATION = module.GENERATION, 4
    try:
        fence, now = Fence(), 0.0
        ran: dict[bytes, float] = {}
        told_refused: dict[bytes, float] = {}
        for verb, number, pause in steps:
            now += pause
            token = b"%d" % number
            if verb == "ask":
                if fence.ask(token, now) == "refused":
                    assert now - ran.get(token, -module.HORIZON) >= module.HORIZON
                    told_refused[token] = now
            elif fence.admit(token, now):
                assert now - told_refused.pop(token, -module.HORIZON) >= module.HORIZON
                if verb == "admit":
                    ran[token] = now
                else:
                    fence.withdraw(token, now)
            held = fence._started, fence._started_before, fence._refused
            assert all(len(tokens) <= module.GENERATION for tokens in held)
    finally:
        module.GENERATION = kept


def test_what_is_told_again_is_remembered_for_as_long_again() -> None:
    fence = Fence()
    fence.admit(b"a", 0.0)
    fence.withdraw(b"a", 0.0)
    assert fence.ask(b"a", module.HORIZON) == "refused"
    fence.ask(b"b", 2 * module.HORIZON - 1)
    assert not fence.admit(b"a", 2 * module.HORIZON - 1)


def test_many_that_were_refused_do_not_fence_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GENERATION", 2)
    fence = Fence()
    assert [fence.ask(token, 0.0) for token in (b"a", b"b", b"c")] == ["refused", "refused", "started"]
    assert fence.ask(b"c", module.HORIZON - 1) == "started"
    assert fence.ask(b"c", module.HORIZON) == "refused"


def test_what_was_withdrawn_without_room_is_as_if_it_had_never_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GENERATION", 2)
    fence = Fence()
    for token in (b"a", b"b", b"c"):
        fence.admit(token, 0.0)
        fence.withdraw(token, 0.0)
    assert fence.ask(b"a", 0.0) == "refused"
    assert fence.ask(b"c", 0.0) == "started"
    assert fence.admit(b"c", 0.0)


def test_what_had_to_be_forgotten_is_safe_to_ask_about_after_the_horizon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "GENERATION", 2)
    fence = Fence()
    for number in range(8):
        fence.admit(b"%d" % number, 0.0)
    assert fence.ask(b"new", module.HORIZON - 1) == "started"
    assert fence.ask(b"new", module.HORIZON + 1) == "refused"
