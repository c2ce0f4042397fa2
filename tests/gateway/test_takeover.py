"""How a changed $LATEST takes over on a gateway that serves."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from funclet.gateway.gateway import Gateway
from funclet.gateway.ports import StartError
from support.gateway import (
    FakeStarter,
    exchange,
    invoke_bytes,
    read_answer,
    revision,
    route,
    serving,
    table,
    until,
)


@pytest.fixture
async def starter() -> FakeStarter:
    """Instances that echo."""
    return FakeStarter()


@pytest.fixture
async def gateway(starter: FakeStarter) -> AsyncIterator[Gateway]:
    """A gateway with one function."""
    async with serving(starter, route(versions={"1": revision("hello", "1")})) as gateway:
        yield gateway


async def test_a_changed_latest_serves_the_old_revision_until_the_new_one_is_ready(
    gateway: Gateway, starter: FakeStarter
) -> None:
    await exchange(gateway.port, invoke_bytes())
    new = revision(build="new")

    starter.prepare = lambda supervisor: setattr(supervisor, "ready", False)
    gateway.update_routes(table(route(latest=new)))
    await until(lambda: len(starter.started) == 2)
    await exchange(gateway.port, invoke_bytes())
    assert [len(each.calls) for each in starter.supervisors.values()] == [2, 0]
    assert gateway.revision_states()[revision().key].serving
    starter.supervisors["i1"].ready = True
    await until(lambda: gateway.revision_states().get(new.key) and gateway.revision_states()[new.key].serving)
    await exchange(gateway.port, invoke_bytes())
    assert len(starter.supervisors["i1"].calls) == 1
    await until(lambda: starter.live == [new.key])


async def test_a_changed_latest_serves_at_once_where_the_old_one_has_no_instance(
    gateway: Gateway, starter: FakeStarter
) -> None:
    new = revision(build="new")
    gateway.update_routes(table(route(latest=new)))
    await exchange(gateway.port, invoke_bytes())
    assert starter.live == [new.key]


async def test_a_new_latest_that_cannot_start_leaves_the_old_one_serving_and_says_so(
    gateway: Gateway, starter: FakeStarter
) -> None:
    await exchange(gateway.port, invoke_bytes())
    new = revision(build="new")
    starter.failing[new.key] = StartError("CodeUnavailable", "The archive is gone.")
    gateway.update_routes(table(route(latest=new)))
    await until(lambda: gateway.revision_states().get(new.key) and gateway.revision_states()[new.key].failure)
    assert (await exchange(gateway.port, invoke_bytes())).status == 200
    assert starter.live == [revision().key]
    starter.failing.clear()
    await until(lambda: gateway.revision_states()[new.key].serving)


async def test_a_new_latest_that_failed_does_not_serve_once_the_old_one_has_idled_out(
    gateway: Gateway, starter: FakeStarter
) -> None:
    await exchange(gateway.port, invoke_bytes())
    new = revision(build="new")
    starter.failing[new.key] = StartError("CodeUnavailable", "The archive is gone.")
    gateway.update_routes(table(route(latest=new)))
    await until(lambda: gateway.revision_states().get(new.key) and gateway.revision_states()[new.key].failure)
    await starter.kill(starter.started[0])
    await until(lambda: not gateway.revision_states()[revision().key].live)
    gateway._router.sweep()
    answer = await exchange(gateway.port, invoke_bytes())
    assert answer.status == 200
    assert gateway.revision_states()[new.key].failure is not None
    starter.failing.clear()
    await until(lambda: gateway.revision_states()[new.key].serving)


async def test_no_call_is_lost_while_latest_changes_under_load(
    gateway: Gateway, starter: FakeStarter
) -> None:
    over = False
    statuses: set[int] = set()

    async def caller() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        while not over:
            writer.write(invoke_bytes())
            statuses.add((await read_answer(reader)).status)
        writer.close()

    callers = [asyncio.create_task(caller()) for _ in range(4)]
    for build in "bcde":
        new = revision(build=build)
        gateway.update_routes(table(route(latest=new)))
        await until(lambda new=new: starter.live and set(starter.live) == {new.key})  # type: ignore[misc]  # a default binds the loop's value
    over = True
    await asyncio.gather(*callers)
    assert statuses == {200}
