"""Whose turn it is when there are more questions than may be asked at once."""

import asyncio
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.gateway.access import questions as questions_module
from funclet.gateway.access.questions import AT_ONCE, IN_LINE, Bounds, Question, Questions, Verdict
from support.virtual import virtually

if TYPE_CHECKING:
    from collections.abc import Callable


class Asked:
    """Somebody who answers when a test says so."""

    def __init__(self) -> None:
        self.open: dict[str, asyncio.Event] = {}
        self.begun: list[str] = []
        self.told: dict[str, Verdict] = {}
        self.questions = Questions()

    def put(self, bearer: str, what: str, *, known: bool = False) -> bool:
        name = f"{bearer}/{what}"
        question = Question(
            (bearer, None, what), known=known, ask=partial(self._ask, name), fallback=lambda: None
        )
        question.waiting[_Waiting(self, name)] = None
        return self.questions.put(question)

    async def _ask(self, name: str) -> Verdict:
        self.begun.append(name)
        self.open[name] = asyncio.Event()
        await self.open[name].wait()
        return "default"

    async def answer(self, name: str) -> None:
        self.open.pop(name).set()
        await settle()


class _Waiting:
    def __init__(self, asked: Asked, name: str) -> None:
        self.decided: Callable[[Verdict], None] = partial(asked.told.__setitem__, name)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def bound(monkeypatch: pytest.MonkeyPatch, at_once: Bounds, in_line: Bounds = IN_LINE) -> None:
    monkeypatch.setattr(questions_module, "AT_ONCE", at_once)
    monkeypatch.setattr(questions_module, "IN_LINE", in_line)


def test_the_bounds_leave_room_for_either_sort_and_for_several_bearers() -> None:
    for bounds in (AT_ONCE, IN_LINE):
        assert bounds.all > bounds.sort > bounds.bearer > 0


async def test_bearers_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    bound(monkeypatch, Bounds(all=1, sort=1, bearer=1))
    asked = Asked()
    for name in ("a/1", "a/2", "a/3", "b/1", "b/2", "c/1"):
        assert asked.put(*name.split("/"))
    for _ in range(6):
        await settle()
        await asked.answer(asked.begun[-1])
    assert asked.begun == ["a/1", "a/2", "b/1", "c/1", "a/3", "b/2"]
    assert set(asked.told.values()) == {"default"}


async def test_a_bearer_who_has_his_share_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    bound(monkeypatch, Bounds(all=3, sort=3, bearer=2))
    asked = Asked()
    for name in ("a/1", "a/2", "a/3", "b/1", "b/2"):
        asked.put(*name.split("/"))
    await settle()
    assert asked.begun == ["a/1", "a/2", "b/1"]
    await asked.answer("b/1")
    assert asked.begun[3:] == ["b/2"]
    await asked.answer("b/2")
    assert asked.begun[4:] == []
    await asked.answer("a/1")
    assert asked.begun[4:] == ["a/3"]


async def test_neither_those_who_are_known_nor_the_others_take_all_the_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bound(monkeypatch, Bounds(all=4, sort=3, bearer=4), Bounds(all=4, sort=3, bearer=4))
    for known in (True, False):
        asked = Asked()
        assert [asked.put("a", str(number), known=known) for number in range(8)] == [True] * 6 + [False] * 2
        assert [asked.put("b", str(number), known=not known) for number in range(3)] == [True, True, False]
        await settle()
        assert asked.begun == ["a/0", "a/1", "a/2", "b/0"]


@virtually
async def test_a_question_is_given_up_in_its_place_in_line_and_no_other_is() -> None:
    asked = Asked()
    for number in range(20):
        asked.put("a", str(number))
    await asyncio.sleep(1.0)
    asked.put("a", "later")
    await asked.answer("a/0")
    await asyncio.sleep(1.5)
    assert sorted(asked.told) == ["a/0", "a/17", "a/18", "a/19"]
    assert asked.questions.get(("a", None, "17")) is None
    await asked.answer("a/1")
    assert asked.begun[-1] == "a/later"


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from("abcd"), st.integers(0, 9), st.booleans()),
            st.integers(0, 20),
            st.just(None),
        ),
        max_size=60,
    )
)
def test_nobody_waits_whom_the_bounds_would_let_and_nothing_is_left_behind(
    steps: list[tuple[str, int, bool] | int | None],
) -> None:
    """A step is a question, an answer, or that a moment passes."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        at_once, in_line = Bounds(all=4, sort=3, bearer=2), Bounds(all=6, sort=4, bearer=3)
        bound(monkeypatch, at_once, in_line)
        _follow(steps, at_once)


@virtually
async def _follow(steps: list[tuple[str, int, bool] | int | None], at_once: Bounds) -> None:
    asked = Asked()
    put = set()
    for step in steps:
        if step is None:
            await asyncio.sleep(1.1)
        elif isinstance(step, int):
            if asked.open:
                await asked.answer(list(asked.open)[step % len(asked.open)])
        elif asked.questions.get((step[0], None, str(step[1]))) is None:
            name = f"{step[0]}/{step[1]}"
            asked.told.pop(name, None)
            put |= {name} if asked.put(step[0], str(step[1]), known=step[2]) else set()
        await settle()
        bearers = Counter(name[0] for name in asked.open)
        assert len(asked.open) <= at_once.all
        assert max(bearers.values(), default=0) <= at_once.bearer
        for line in asked.questions._lines.values():
            assert not any(asked.questions._asked.has_room(each) for queue in line.values() for each in queue)
    while asked.open:
        await asked.answer(next(iter(asked.open)))
    assert put <= asked.told.keys()
    left = asked.questions
    assert not left._open
    assert not left._tasks
    assert not any(left._lines.values())
    assert not left._asked._bearers + left._in_line._bearers
