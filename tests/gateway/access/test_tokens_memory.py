"""What is remembered of callers, and for how long, on a clock that a test moves."""

import pytest

from funclet.gateway.access import answers
from funclet.gateway.access.answers import NO, WHO, YES
from support.access import ALICE, DENIED, UNKNOWN, Door


async def test_a_yes_is_believed_for_ten_seconds(door: Door) -> None:
    await door.ask("alice")
    door.reviewer.rights.clear()
    door.clock.time += YES - 0.1
    assert await door.told("alice") == "default"
    door.clock.time += 0.1
    assert await door.told("alice") == DENIED
    assert (door.reviewer.reviews, door.reviewer.questions) == (1, 2)


async def test_a_no_is_believed_for_five_seconds(door: Door) -> None:
    await door.ask("alice", "pay")
    door.reviewer.rights.add(("alice", "default", "pay"))
    door.clock.time += NO - 0.1
    assert await door.told("alice", "pay") == DENIED
    door.clock.time += 0.1
    assert await door.told("alice", "pay") == "default"


async def test_an_unknown_token_is_believed_to_be_one_for_five_seconds(door: Door) -> None:
    await door.ask("carol")
    door.reviewer.callers["carol"] = ALICE
    door.clock.time += NO - 0.1
    assert await door.told("carol") == UNKNOWN
    door.clock.time += 0.1
    assert await door.told("carol") == "default"


async def test_who_a_token_stands_for_is_asked_again_after_a_minute(door: Door) -> None:
    await door.ask("alice")
    del door.reviewer.callers["alice"]
    door.clock.time += WHO - 0.1
    assert await door.told("alice") == "default"
    door.clock.time += 0.1
    assert await door.told("alice") == UNKNOWN


async def test_what_is_remembered_of_one_function_says_nothing_of_another(door: Door) -> None:
    assert await door.told("alice", "hello") == "default"
    assert await door.told("alice", "pay") == DENIED
    assert await door.told("alice", "hello", "shop") == DENIED


def remembered(door: Door) -> dict[str, list[object]]:
    """What is remembered, by its sort."""
    return {sort: [*memory._answers] for sort, memory in vars(door.access._answers).items()}


async def test_the_memory_is_bounded(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "_REMEMBERED", 20)
    for number in range(100):
        door.reviewer.callers[f"friend-{number}"] = ALICE
        door.reviewer.rights.add(("alice", "default", f"own-{number}"))
        await door.ask(f"friend-{number}")
        await door.ask(f"stranger-{number}")
        await door.ask("alice", f"own-{number}")
        await door.ask("alice", f"f{number}")
        door.access._answers.miss(("alice", "default", f"own-{number}"))
    assert {len(keys) for keys in remembered(door).values()} == {20}


async def test_a_flood_of_refusals_drives_nobody_out_who_was_let_in(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_REMEMBERED", 20)
    await door.ask("alice")
    for number in range(100):
        await door.ask(f"stranger-{number}")
        await door.ask("bot", f"f{number}")
    before = (door.reviewer.reviews, door.reviewer.questions)
    assert await door.told("alice") == "default"
    assert (door.reviewer.reviews, door.reviewer.questions) == before


async def test_no_token_is_kept(door: Door) -> None:
    for token in ("alice", "secret"):
        await door.ask(token)
    kept = repr(remembered(door))
    assert "alice" not in kept
    assert "secret" not in kept
