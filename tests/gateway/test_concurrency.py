"""Calls that compete: caps, waiters, vanished clients, starts that fail, instances that come and go."""

import asyncio

import pytest

from funclet.gateway.gateway import Gateway
from funclet.gateway.ports import InvokeRequest, StartError
from funclet.gateway.settings import GatewaySettings, SlotLimits
from funclet.lambda_api.errors import LambdaApiError
from funclet.plan.routes import FunctionRoute, Target
from support.gateway import (
    FakeStarter,
    Received,
    Reply,
    echo,
    exchange,
    invoke_bytes,
    metrics,
    revision,
    route,
    serving,
    until,
)


@pytest.fixture
def function() -> FunctionRoute:
    """A function with a version."""
    return route(versions={"1": revision("hello", "1")})


async def test_over_reserved_concurrency_calls_are_throttled_at_once(starter: FakeStarter) -> None:
    gate = asyncio.Event()

    async def hold(call: Received) -> Reply:
        await gate.wait()
        return await echo(call)

    starter.behaviour = hold
    async with serving(starter, route(reserved=1)) as gateway:
        running = asyncio.create_task(exchange(gateway.port, invoke_bytes()))
        await until(lambda: starter.supervisors and starter.supervisors["i0"].running)
        answers = await asyncio.gather(*(exchange(gateway.port, invoke_bytes()) for _ in range(20)))
        assert {answer.status for answer in answers} == {429}
        assert answers[0].json() == {
            "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
            "Type": "User",
            "message": "Rate Exceeded.",
        }
        assert answers[0].headers["retry-after"] == "1"
        gate.set()
        assert (await running).status == 200
        assert (await exchange(gateway.port, invoke_bytes())).status == 200
    assert len(starter.started) == 1


async def test_ten_thousand_parallel_calls_of_a_function_capped_at_one_run_exactly_one(
    starter: FakeStarter,
) -> None:
    gate = asyncio.Event()

    async def hold(call: Received) -> Reply:
        await gate.wait()
        return await echo(call)

    starter.behaviour = hold
    capped = route(reserved=1)
    async with serving(starter, capped) as gateway:
        target = Target(capped, revision(), "$LATEST", capped.arn)
        calls = [
            asyncio.create_task(gateway.invoke(InvokeRequest(target, f"id{index}", b"{}")))
            for index in range(10_000)
        ]
        await until(lambda: sum(call.done() for call in calls) == 9_999)
        gate.set()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    refusals = [each for each in outcomes if isinstance(each, LambdaApiError)]
    assert {each.error.reason for each in refusals} == {"ReservedFunctionConcurrentInvocationLimitExceeded"}
    assert len(refusals) == 9_999
    assert sum(len(each.calls) for each in starter.supervisors.values()) == 1


@pytest.mark.parametrize("headers", [{}, {"X-A": "a", "x-a": "b"}], ids=["fast lane", "aiohttp"])
async def test_a_client_that_vanishes_while_waiting_frees_its_place_at_once(
    starter: FakeStarter, headers: dict[str, str]
) -> None:
    starter.gate = asyncio.Event()
    async with serving(starter, route(reserved=1)) as gateway:
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(invoke_bytes(headers=headers))
        await until(
            lambda: next(iter(gateway.revision_states().values())).waiting if gateway.revision_states() else 0
        )
        writer.close()
        await until(lambda: not next(iter(gateway.revision_states().values())).waiting, seconds=1.0)
        second = asyncio.create_task(exchange(gateway.port, invoke_bytes()))
        await asyncio.sleep(0)
        starter.gate.set()
        assert (await second).status == 200
    assert sum(len(each.calls) for each in starter.supervisors.values()) == 1


async def test_a_function_runs_on_when_its_client_vanishes_and_stays_counted(starter: FakeStarter) -> None:
    gate = asyncio.Event()
    finished = asyncio.Event()

    async def hold(call: Received) -> Reply:
        await gate.wait()
        finished.set()
        return await echo(call)

    starter.behaviour = hold
    async with serving(starter, route(reserved=1)) as gateway:
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(invoke_bytes())
        await until(lambda: starter.supervisors and starter.supervisors["i0"].running)
        writer.close()
        assert (await exchange(gateway.port, invoke_bytes())).status == 429
        gate.set()
        await finished.wait()
        await until(lambda: b'funclet_in_flight{function="hello"} 0.0' in metrics(gateway))
        assert (await exchange(gateway.port, invoke_bytes())).status == 200


async def test_a_start_that_fails_is_told_within_a_second_and_then_at_once(
    gateway: Gateway, starter: FakeStarter
) -> None:
    starter.failing[revision().key] = StartError("CodeUnavailable", "The archive is gone.")
    for _ in range(2):
        answer = await exchange(gateway.port, invoke_bytes(), seconds=1.0)
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (409, "ResourceConflictException")
        assert "CodeUnavailable: The archive is gone." in answer.json()["message"]
    failure = gateway.revision_states()[revision().key].failure
    assert failure is not None
    assert (failure.reason, failure.message) == ("CodeUnavailable", "The archive is gone.")
    assert (await exchange(gateway.port, invoke_bytes("hello:1"))).status == 200


async def test_an_init_error_is_told_to_every_waiter_byte_for_byte(starter: FakeStarter) -> None:
    payload = b'{"errorType": "Runtime.ImportModuleError", "errorMessage": "no x", "requestId":""}'
    gate = asyncio.Event()

    async def fail(_: Received) -> Reply:
        await gate.wait()
        return Reply(payload, "init-error")

    starter.behaviour = fail
    few = GatewaySettings(slots=SlotLimits(instances=3))
    async with serving(starter, route(), settings=few) as gateway:
        calls = [asyncio.create_task(exchange(gateway.port, invoke_bytes())) for _ in range(20)]
        await until(lambda: sum(each.running for each in starter.supervisors.values()) == 3)
        await until(lambda: gateway.revision_states()[revision().key].waiting == 17)
        gate.set()
        answers = await asyncio.gather(*calls)
        assert {(answer.status, answer.body) for answer in answers} == {(200, payload)}
        assert {answer.headers["x-amz-function-error"] for answer in answers} == {"Unhandled"}
        failure = gateway.revision_states()[revision().key].failure
        assert failure is not None
        assert (failure.reason, failure.message) == ("InitFailed", "no x")
        await until(lambda: not starter.live)


async def test_a_call_after_the_back_off_tries_init_again(gateway: Gateway, starter: FakeStarter) -> None:
    starter.failing[revision().key] = StartError("CodeUnavailable", "The archive is gone.")
    assert (await exchange(gateway.port, invoke_bytes())).status == 409
    starter.failing.clear()
    assert (await exchange(gateway.port, invoke_bytes())).status == 409

    async with asyncio.timeout(3.0):
        answer = await exchange(gateway.port, invoke_bytes())
        while answer.status != 200:
            answer = await exchange(gateway.port, invoke_bytes())
    assert gateway.revision_states()[revision().key].failure is None


async def test_idle_instances_end_after_their_time(starter: FakeStarter) -> None:
    async with serving(starter, route(idle=0.05)) as gateway:
        await exchange(gateway.port, invoke_bytes())
        await until(lambda: starter.stopped)


async def test_the_minimum_is_kept_ready_without_a_call(starter: FakeStarter) -> None:
    async with serving(starter, route(min_instances=2)) as gateway:
        await until(
            lambda: gateway.revision_states() and gateway.revision_states()[revision().key].ready == 2
        )


async def test_a_removed_function_finishes_what_it_runs(gateway: Gateway, starter: FakeStarter) -> None:
    gate = asyncio.Event()

    async def hold(call: Received) -> Reply:
        await gate.wait()
        return await echo(call)

    starter.behaviour = hold
    running = asyncio.create_task(exchange(gateway.port, invoke_bytes()))
    await until(lambda: starter.supervisors and starter.supervisors["i0"].running)
    gateway.update_routes({})
    assert (await exchange(gateway.port, invoke_bytes())).status == 404
    gate.set()
    assert (await running).status == 200
    await until(lambda: not starter.live)
