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
    fence.withdraw(b"a")
    assert fence.ask(b"a", 0.0) == "refused"
    assert not fence.admit(b"a", 0.0)


@given(st.lists(st.tuples(st.sampled_from(["admit", "ask"]), st.integers(0, 60)), max_size=200))
def test_with_little_memory_it_errs_towards_started(steps: list[tuple[str, int]]) -> None:
    kept, module.GENERATION = module.GENERATION, 4
    try:
        fence, ran, told_refused = Fence(), set(), set()
        for verb, number in steps:
            token = b"%d" % number
            if verb == "ask":
                if fence.ask(token, 1.0) == "refused":
                    assert token not in ran
                    told_refused.add(token)
            elif fence.admit(token, 1.0):
                assert token not in told_refused
                ran.add(token)
    finally:
        module.GENERATION = kept


def test_what_had_to_be_forgotten_is_safe_to_ask_about_after_the_horizon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "GENERATION", 2)
    fence = Fence()
    for number in range(8):
        fence.admit(b"%d" % number, 0.0)
    assert fence.ask(b"new", module.HORIZON - 1) == "started"
    assert fence.ask(b"new", module.HORIZON + 1) == "refused"
