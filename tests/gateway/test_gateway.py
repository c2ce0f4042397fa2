"""The gateway on loopback, instances that speak the contract as scripted, boto3 and raw sockets as callers."""

import asyncio
import base64
import json
import socket
from typing import TYPE_CHECKING

import pytest

from funclet.gateway.gateway import Gateway
from funclet.gateway.settings import GatewaySettings
from funclet.plan.routes import AliasRoute, FunctionRoute, Unavailable
from support.gateway import (
    FakeStarter,
    NotStarted,
    Received,
    Reply,
    echo,
    exchange,
    invoke_bytes,
    metrics,
    read_answer,
    revision,
    route,
    serving,
    table,
    until,
)

if TYPE_CHECKING:
    from funclet.plan.revision import Revision

V1 = revision("hello", "1")
HELLO = route(versions={"1": V1}, aliases={"live": AliasRoute("1", {})})


@pytest.fixture
def function() -> FunctionRoute:
    """A function with a version."""
    return HELLO


async def test_an_invocation_answers_with_what_the_function_returned(gateway: Gateway) -> None:
    answer = await exchange(gateway.port, invoke_bytes(body=b'{"a" : 1}'))
    assert (answer.status, answer.body) == (200, b'{"a" : 1}')
    assert answer.headers["x-amz-executed-version"] == "$LATEST"
    assert "x-amz-function-error" not in answer.headers
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-amzn-trace-id"].startswith("Root=1-")
    assert "date" in answer.headers


async def test_one_request_id_is_in_the_header_and_with_the_function(
    gateway: Gateway, starter: FakeStarter
) -> None:
    answer = await exchange(gateway.port, invoke_bytes())
    call = starter.supervisors["i0"].calls[0]
    assert call.headers["lambda-runtime-aws-request-id"] == answer.headers["x-amzn-requestid"]


async def test_the_function_is_told_all_that_the_contract_names(
    gateway: Gateway, starter: FakeStarter
) -> None:
    context = base64.b64encode(b'{"custom":{"k":"v"}}').decode()
    headers = {
        "X-Amz-Client-Context": context,
        "X-Amz-Log-Type": "Tail",
        "X-Amzn-Trace-Id": "Root=1-2-3",
        "Lambda-Runtime-Aws-Request-Id": "spoofed",
        "X-Funclet-Token": "spoofed",
        "X-Amz-Function-Error": "spoofed",
    }
    answer = await exchange(gateway.port, invoke_bytes("hello:live", headers=headers))
    told = starter.supervisors["i0"].calls[0].headers
    assert told["x-funclet-revision"] == V1.key
    assert told["lambda-runtime-invoked-function-arn"].endswith(":function:hello:live")
    assert told["lambda-runtime-client-context"] == '{"custom":{"k":"v"}}'
    assert told["lambda-runtime-trace-id"] == "Root=1-2-3"
    assert len(told["x-funclet-token"]) == 32
    assert "spoofed" not in told.values()
    assert "x-amz-function-error" not in answer.headers
    assert answer.headers["x-amz-executed-version"] == "1"
    assert answer.headers["x-amz-log-result"] == "bG9n"
    assert answer.headers["x-amzn-trace-id"] == "Root=1-2-3"


async def test_the_invoked_arn_is_in_the_region_of_the_signature(
    gateway: Gateway, starter: FakeStarter
) -> None:
    scope = "AWS4-HMAC-SHA256 Credential=AKID/20261123/eu-west-3/lambda/aws4_request, Signature=x"
    await exchange(gateway.port, invoke_bytes(headers={"Authorization": scope}))
    told = starter.supervisors["i0"].calls[0].headers
    assert told["lambda-runtime-invoked-function-arn"] == (
        "arn:aws:lambda:eu-west-3:123456789012:function:hello"
    )


async def test_a_function_error_is_passed_byte_for_byte(gateway: Gateway, starter: FakeStarter) -> None:
    payload = b'{"errorMessage": "x",\n "errorType":"E"}'

    async def fail(_: Received) -> Reply:
        return Reply(payload, "error")

    starter.behaviour = fail
    answer = await exchange(gateway.port, invoke_bytes())
    assert (answer.status, answer.body) == (200, payload)
    assert answer.headers["x-amz-function-error"] == "Unhandled"


async def test_a_dry_run_runs_nothing(gateway: Gateway, starter: FakeStarter) -> None:
    answer = await exchange(gateway.port, invoke_bytes(headers={"X-Amz-Invocation-Type": "DryRun"}))
    assert (answer.status, answer.body) == (204, b"")
    assert "x-amz-executed-version" not in answer.headers
    assert starter.started == []


async def test_no_body_is_an_empty_object(gateway: Gateway) -> None:
    assert (await exchange(gateway.port, invoke_bytes(body=b""))).body == b"{}"


@pytest.mark.parametrize(
    ("name", "query", "arn"),
    [
        ("nope", "", "nope"),
        ("nope", "?Qualifier=1", "nope:1"),
        ("hello", "?Qualifier=9", "hello:9"),
        ("hello:missing", "", "hello:missing"),
    ],
)
async def test_what_does_not_exist_is_not_found(gateway: Gateway, name: str, query: str, arn: str) -> None:
    answer = await exchange(gateway.port, invoke_bytes(name, query=query))
    assert answer.status == 404
    assert answer.headers["x-amzn-errortype"] == "ResourceNotFoundException"
    assert (
        answer.json()["Message"]
        == f"Function not found: arn:aws:lambda:us-east-1:123456789012:function:{arn}"
    )


async def test_another_account_is_denied(gateway: Gateway) -> None:
    answer = await exchange(gateway.port, invoke_bytes("999999999999:function:hello:1"))
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
    assert "arn:aws:lambda:us-east-1:999999999999:function:hello:1" in answer.json()["Message"]


async def test_a_version_that_cannot_run_says_why(starter: FakeStarter) -> None:
    broken = route(latest=Unavailable("RuntimeUnavailable", "python9.9 is not installed."))
    async with serving(starter, broken) as gateway:
        answer = await exchange(gateway.port, invoke_bytes())
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (409, "ResourceConflictException")
    assert "RuntimeUnavailable: python9.9 is not installed." in answer.json()["message"]


async def test_calls_one_after_the_other_use_one_instance_and_one_connection(
    gateway: Gateway, starter: FakeStarter
) -> None:
    for _ in range(5):
        await exchange(gateway.port, invoke_bytes())
    supervisor = starter.supervisors["i0"]
    assert (len(starter.started), len(supervisor.calls), supervisor.connections) == (1, 5, 1)


async def test_calls_at_once_run_at_once_each_on_its_own_instance(
    gateway: Gateway, starter: FakeStarter
) -> None:
    gate = asyncio.Event()

    async def hold(call: Received) -> Reply:
        await gate.wait()
        return await echo(call)

    starter.behaviour = hold
    calls = [asyncio.create_task(exchange(gateway.port, invoke_bytes())) for _ in range(4)]
    await until(lambda: sum(each.running for each in starter.supervisors.values()) == 4)
    gate.set()
    assert [(await call).status for call in calls] == [200] * 4
    assert len(starter.started) == 4


async def test_changes_of_a_revision_are_told() -> None:
    told: list[Revision] = []
    starter = FakeStarter()
    gateway = Gateway(starter, GatewaySettings(port=0), on_revision_change=told.append)
    await gateway.start()
    gateway.update_routes(table(HELLO))
    await exchange(gateway.port, invoke_bytes())
    await until(lambda: gateway.function_states("default", "hello")[revision().key].ready)
    await gateway.stop(1.0)
    starter.clean()
    assert {each.key for each in told} == {revision().key}
    assert gateway.function_states("default", "other") == {}


async def test_the_gateway_serves_on_a_socket_that_it_is_given(starter: FakeStarter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        gateway = Gateway(starter, GatewaySettings())
        await gateway.start(listener)
        assert gateway.port == port
        assert (await exchange(port, invoke_bytes())).status == 404
        await gateway.stop(0.0)
    starter.clean()


async def test_a_gateway_that_parts_still_serves_and_ends_each_connection(gateway: Gateway) -> None:
    gateway.part()
    for method in ("POST", "GET"):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(invoke_bytes().replace(b"POST", method.encode(), 1))
        said = await reader.read()
        assert b"connection: close" in said.lower()
        writer.close()
    assert b'"hi"' not in said
    assert (await exchange(gateway.port, invoke_bytes())).status == 200


async def test_stopping_finishes_what_runs_and_ends_every_instance(starter: FakeStarter) -> None:
    gate = asyncio.Event()

    async def hold(call: Received) -> Reply:
        await gate.wait()
        return await echo(call)

    starter.behaviour = hold
    async with serving(starter, HELLO) as gateway:
        running = asyncio.create_task(exchange(gateway.port, invoke_bytes()))
        await until(lambda: starter.supervisors and starter.supervisors["i0"].running)
        stopping = asyncio.create_task(gateway.stop(5.0))
        await asyncio.sleep(0)
        gate.set()
        answer = await running
        await stopping
    assert answer.status == 200
    assert answer.headers["connection"] == "close"
    assert starter.live == []


async def test_stopping_waits_for_an_event_that_is_still_coming(starter: FakeStarter) -> None:
    async with serving(starter, route()) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        request = invoke_bytes(body=b'"the whole event"')
        writer.write(request[:-5])
        await until(lambda: gateway.admission.requests == 1)
        stopping = asyncio.create_task(gateway.stop(5.0))
        await until(lambda: gateway.admission.closing)
        writer.write(request[-5:])
        answer = await read_answer(reader)
        assert (answer.status, answer.body) == (200, b'"the whole event"')
        await stopping
        writer.close()


async def test_stopping_sends_waiters_away_after_the_grace(starter: FakeStarter) -> None:
    starter.gate = asyncio.Event()
    async with serving(starter, HELLO) as gateway:
        waiting = asyncio.create_task(exchange(gateway.port, invoke_bytes()))
        await until(lambda: any(state.waiting for state in gateway.revision_states().values()))
        stopping = asyncio.create_task(gateway.stop(0.01))
        answer = await waiting
        starter.gate.set()
        await stopping
    assert answer.status == 503
    assert starter.live == []


async def test_metrics_tell_of_calls_instances_and_connections(gateway: Gateway) -> None:
    await exchange(gateway.port, invoke_bytes())
    await exchange(gateway.port, invoke_bytes())
    text = metrics(gateway).decode()
    assert 'funclet_invocations_total{function="hello",outcome="ok"} 2.0' in text
    assert 'funclet_cold_starts_total{function="hello"} 1.0' in text
    assert 'funclet_instances{function="hello",state="idle"} 1.0' in text
    assert 'funclet_waiting{function="hello"} 0.0' in text
    assert "funclet_held_bytes 0.0" in text


async def test_an_answer_of_six_megabytes_comes_through(gateway: Gateway, starter: FakeStarter) -> None:
    body = json.dumps("a" * (6 * 1024 * 1024)).encode()

    async def large(_: Received) -> Reply:
        return Reply(body)

    starter.behaviour = large
    assert (await exchange(gateway.port, invoke_bytes())).body == body


async def test_an_event_of_six_mebibytes_comes_through(gateway: Gateway) -> None:
    body = b'"' + b"a" * (6 * 1024 * 1024 - 2) + b'"'
    assert (await exchange(gateway.port, invoke_bytes(body=body))).body == body


async def test_a_call_outlives_any_number_of_instances_that_drain(starter: FakeStarter) -> None:
    async with serving(starter, route()) as gateway:
        release = asyncio.Event()

        async def hold(call: Received) -> Reply:
            await release.wait()
            return Reply(call.body)

        async def drain(_: Received) -> NotStarted:
            return NotStarted("draining")

        starter.behaviour = hold
        calls = [asyncio.create_task(exchange(gateway.port, invoke_bytes())) for _ in range(15)]
        await until(lambda: sum(len(each.calls) for each in starter.supervisors.values()) == 15)
        release.set()
        await asyncio.gather(*calls)
        for each in starter.supervisors.values():
            each.behaviour = drain
        starter.behaviour = echo
        assert (await exchange(gateway.port, invoke_bytes())).status == 200


async def test_an_instance_shows_that_it_came_through_init_while_its_first_call_still_runs(
    starter: FakeStarter,
) -> None:
    async with serving(starter, route()) as gateway:
        release = asyncio.Event()

        async def hold(call: Received) -> Reply:
            await release.wait()
            return Reply(call.body)

        starter.behaviour = hold
        call = asyncio.create_task(exchange(gateway.port, invoke_bytes()))
        await until(lambda: [each.ready for each in gateway.revision_states().values()] == [1])
        assert not call.done()
        release.set()
        assert (await call).status == 200
