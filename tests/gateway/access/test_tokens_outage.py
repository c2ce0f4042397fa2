"""Who may call while the API server is away."""

import asyncio

import pytest

from funclet.gateway.access.answers import LONGEST, NO, WHO, YES
from funclet.kube.cluster_port import ForbiddenError, UnreachableError
from funclet.kube.port import KubeError
from funclet.lambda_api.errors import AwsError
from support.access import ALICE, DENIED, UNKNOWN, Door, code
from support.gateway import until
from support.virtual import virtually

AWAY = "ServiceUnavailableException"
OUTAGES: list[KubeError] = [UnreachableError("no route to host"), KubeError("etcd has no leader")]


@pytest.mark.parametrize("error", OUTAGES)
async def test_while_the_api_server_is_away_who_was_let_in_lately_is_and_all_else_is_told_to_come_back(
    door: Door, error: KubeError
) -> None:
    await door.ask("alice")
    door.reviewer.away = error
    door.clock.time += LONGEST - 0.1
    assert await door.told("alice") == "default"
    assert await door.told("alice", "hello", "default") == "default"
    # Neither another function, nor another namespace, nor another token with the same bearer.
    door.reviewer.callers["alice's other"] = ALICE
    for token, function, namespace in (
        ("alice", "pay", None),
        ("alice", "hello", "shop"),
        ("bot", "pay", None),
        ("alice's other", "hello", None),
    ):
        refused = await door.ask(token, function, namespace)
        assert isinstance(refused, AwsError)
        assert (refused.status, refused.code, refused.retry_after) == (503, AWAY, 1)
    door.clock.time += 0.1
    assert await door.told("alice") == AWAY
    door.reviewer.away = None
    assert await door.told("alice") == "default"


async def test_ten_minutes_count_from_the_last_yes_about_the_token_and_not_from_what_was_let_in_since(
    door: Door,
) -> None:
    await door.ask("alice")
    door.clock.time += WHO - 1.0
    await door.ask("alice")
    door.reviewer.away = UnreachableError("no route to host")
    for _ in range(9):
        door.clock.time += 60.0
        assert await door.told("alice") == "default"
    door.clock.time += 1.0
    assert await door.told("alice") == AWAY


async def test_what_was_refused_is_not_let_in_while_the_api_server_is_away(door: Door) -> None:
    await door.ask("alice", "pay")
    await door.ask("nobody")
    door.reviewer.away = UnreachableError("no route to host")
    assert await door.told("alice", "pay") == DENIED
    assert await door.told("nobody") == UNKNOWN
    door.clock.time += NO
    assert await door.told("alice", "pay") == AWAY
    assert await door.told("nobody") == AWAY


@pytest.mark.parametrize("taken", ["the right", "the token"])
async def test_a_no_ends_a_yes_at_once_and_for_all_outages_to_come(door: Door, taken: str) -> None:
    await door.ask("alice")
    door.clock.time += WHO
    if taken == "the right":
        door.reviewer.rights.clear()
    else:
        del door.reviewer.callers["alice"]
    refused = DENIED if taken == "the right" else UNKNOWN
    assert await door.told("alice") == refused
    door.reviewer.away = UnreachableError("no route to host")
    assert await door.told("alice") == refused
    door.clock.time += NO
    assert await door.told("alice") == AWAY
    # Nor does a yes about the token alone bring back what it was allowed.
    door.reviewer.callers["alice"] = ALICE
    door.reviewer.away = None
    door.reviewer.mute = UnreachableError("the authorizer is away")
    assert await door.told("alice") == AWAY


async def test_a_refusal_to_review_is_no_outage(door: Door) -> None:
    await door.ask("alice")
    door.clock.time += YES
    door.reviewer.away = ForbiddenError("tokenreviews is forbidden")
    assert await door.told("alice") == AWAY
    door.reviewer.away = UnreachableError("no route to host")
    assert await door.told("alice") == "default"
    door.reviewer.away = ForbiddenError("tokenreviews is forbidden")
    assert await door.told("bot") == AWAY
    assert await door.told("alice") == AWAY


async def test_once_the_api_server_is_back_who_lost_a_right_is_refused_when_it_has_been_asked(
    door: Door,
) -> None:
    await door.ask("alice")
    door.clock.time += YES
    door.reviewer.away = UnreachableError("no route to host")
    assert await door.told("alice") == "default"
    door.reviewer.away = None
    door.reviewer.rights.clear()
    door.clock.time += 1.0
    # Nobody knows yet that it is back; this call makes the gateway ask.
    assert await door.told("alice") == "default"
    await until(lambda: door.reviewer.questions == 3)
    await until(lambda: not door.access._questions._open)
    assert await door.told("alice") == DENIED
    door.clock.time += NO
    assert await door.told("alice") == DENIED


async def test_once_anybody_was_answered_nobody_is_let_in_unasked(door: Door) -> None:
    await door.ask("alice")
    door.clock.time += YES
    door.reviewer.away = UnreachableError("no route to host")
    await door.ask("alice")
    door.reviewer.away = None
    door.reviewer.rights.remove(("alice", "default", "hello"))
    assert await door.told("bot", "pay") == "shop"
    assert await door.told("alice") == DENIED


async def test_an_api_server_that_is_away_is_asked_about_the_same_once_a_second(door: Door) -> None:
    await door.ask("alice")
    door.clock.time += YES
    door.reviewer.away = UnreachableError("no route to host")
    for _ in range(5):
        for _ in range(20):
            assert await door.told("alice") == "default"
        await until(lambda: not door.access._questions._open)
        door.clock.time += 1.0
    assert door.reviewer.questions == 1 + 5


@virtually
async def test_an_api_server_that_says_nothing_is_waited_for_once() -> None:
    door, loop = Door(), asyncio.get_running_loop()
    await door.ask("alice")
    await door.ask("bot", "pay")
    door.clock.time += YES
    door.reviewer.gate = asyncio.Event()
    told: list[str | AwsError] = []
    # So many that some stand in line, and one whose question is not begun when it is clear that nothing comes.
    begun = loop.time()
    for number in range(60):
        door.begin([], f"stranger-{number}", "hello")
    for function in ("hello", *(f"f{number}" for number in range(20))):
        door.begin(told, "alice", function)
    door.begin(told, "bot", "pay")
    await until(lambda: len(told) == 2)
    assert told == ["default", "shop"]
    assert loop.time() - begun == pytest.approx(1.0, abs=0.01)
    begun = loop.time()
    assert await door.told("alice") == "default"
    assert await door.told("bot", "pay") == "shop"
    assert loop.time() == pytest.approx(begun, abs=0.01)
    # A question has its end, and what it would have been answered is not waited for.
    left: list[str | AwsError] = []
    door.begin(left, "stranger-0", "hello")
    await until(lambda: left, 20.0)
    assert code(left[0]) == AWAY
    assert loop.time() - begun == pytest.approx(9.0, abs=0.1)


@virtually
async def test_the_answer_of_a_slow_api_server_counts_although_nobody_waited_for_it() -> None:
    door = Door()
    await door.ask("alice")
    door.clock.time += YES
    door.reviewer.rights.clear()
    door.reviewer.gate = asyncio.Event()
    assert await door.told("alice") == "default"
    door.reviewer.gate.set()
    await until(lambda: not door.access._questions._open)
    assert await door.told("alice") == DENIED


async def test_an_outage_is_not_remembered_as_a_no(door: Door) -> None:
    door.reviewer.away = UnreachableError("no route to host")
    await door.ask("alice")
    door.reviewer.away = None
    assert await door.told("alice") == "default"
