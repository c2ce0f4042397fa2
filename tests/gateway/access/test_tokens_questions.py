"""How callers share the questions that the API server is asked."""

import asyncio

import pytest

from funclet.gateway.access.answers import YES
from funclet.lambda_api.errors import AwsError
from support.access import CHART, UNKNOWN, Door, code
from support.gateway import until
from support.virtual import virtually


async def test_callers_that_come_at_once_with_one_token_are_one_question(door: Door) -> None:
    door.reviewer.gate = asyncio.Event()
    told: list[str | AwsError] = []
    for _ in range(500):
        door.begin(told, "alice", "hello")
    door.reviewer.gate.set()
    await until(lambda: len(told) == 500)
    assert set(told) == {"default"}
    assert (door.reviewer.reviews, door.reviewer.questions) == (1, 1)


@pytest.mark.parametrize("functions", [100, 272])
async def test_a_caller_of_many_functions_whom_nobody_knows_yet_loses_no_call(
    door: Door, functions: int
) -> None:
    door.reviewer.rights.update(("alice", "default", f"f{number}") for number in range(functions))
    told: list[str | AwsError] = []
    for number in range(functions):
        door.begin(told, "alice", f"f{number}")
    await until(lambda: len(told) == functions)
    assert set(told) == {"default"}
    assert door.reviewer.most == 16


async def test_what_was_found_out_while_a_question_stood_in_line_is_not_asked_again(door: Door) -> None:
    told: list[str | AwsError] = []
    for number in range(100):
        door.begin(told, "nobody", f"f{number}")
    await until(lambda: len(told) == 100)
    assert {code(each) for each in told} == {UNKNOWN}
    assert door.reviewer.reviews == 16


async def test_one_caller_does_not_take_all_the_room(door: Door) -> None:
    door.reviewer.gate = asyncio.Event()
    told: list[str | AwsError] = []
    for number in range(1000):
        door.begin(told, "alice", f"f{number}")
    assert len(told) == 1000 - 16 - 256
    assert {code(each) for each in told} == {"TooManyRequestsException"}
    refused = told[0]
    assert isinstance(refused, AwsError)
    assert (refused.status, refused.retry_after) == (429, 1)
    others: list[str | AwsError] = []
    door.begin(others, "bot", "pay")
    door.reviewer.gate.set()
    await until(lambda: others)
    assert others == ["shop"]
    await until(lambda: len(told) == 1000)


async def test_tokens_that_nobody_knows_leave_room_for_callers_that_are_known(door: Door) -> None:
    await door.ask("alice")
    await door.ask("bot", "pay")
    door.clock.time += YES
    door.reviewer.gate = asyncio.Event()
    door.reviewer.slow = {f"stranger-{number}" for number in range(2000)}
    told: list[str | AwsError] = []
    for stranger in door.reviewer.slow:
        door.begin(told, stranger, "hello")
    assert len(told) == 2000 - 48 - 768
    assert await door.told("alice") == "default"
    assert await door.told("bot", "pay") == "shop"
    door.reviewer.gate.set()
    await until(lambda: len(told) == 2000)


@virtually
async def test_who_waits_too_long_for_a_question_to_be_asked_is_told_to_come_back() -> None:
    door, loop = Door(), asyncio.get_running_loop()
    door.reviewer.gate = asyncio.Event()
    begun = loop.time()
    told: list[str | AwsError] = []
    for number in range(100):
        door.begin(told, f"stranger-{number}", "hello")
    assert told == []
    assert await door.told(CHART) == "default"
    await until(lambda: told)
    assert loop.time() - begun == pytest.approx(2.0, abs=0.01)
    assert [code(each) for each in told] == ["TooManyRequestsException"] * (100 - 48)
    door.reviewer.gate.set()
    await until(lambda: len(told) == 100)
    assert {code(each) for each in told[-48:]} == {UNKNOWN}
    assert await door.told("alice") == "default"


async def test_a_caller_that_leaves_is_told_nothing_and_the_others_are(door: Door) -> None:
    door.reviewer.gate = asyncio.Event()
    left: list[str | AwsError] = []
    stayed: list[str | AwsError] = []
    leaving = door.begin(left, "alice", "hello")
    door.begin(stayed, "alice", "hello")
    assert leaving is not None
    leaving.abandon()
    leaving.abandon()
    door.reviewer.gate.set()
    await until(lambda: stayed)
    assert (left, stayed) == ([], ["default"])


async def test_a_fault_in_a_question_is_owned_up_to(door: Door) -> None:
    door.reviewer.callers = None  # type: ignore[assignment]  # stands in for any fault
    assert await door.told("alice") == "ServiceException"
