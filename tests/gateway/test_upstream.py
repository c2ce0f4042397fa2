"""What instances do wrong, and what callers are told: the contract's rules end to end."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import pytest

from funclet.gateway import gateway as gateway_module
from funclet.gateway import tcp, upstream
from funclet.gateway.gateway import Gateway
from funclet.gateway.ports import Instance, TcpAddress
from funclet.gateway.settings import GatewaySettings
from funclet.gateway.upstream import Link
from support.gateway import (
    Break,
    FakeStarter,
    FakeSupervisor,
    NotStarted,
    Received,
    Reply,
    echo,
    exchange,
    invoke_bytes,
    revision,
    route,
    serving,
    until,
)


@pytest.fixture
async def starter() -> FakeStarter:
    """Instances that echo."""
    return FakeStarter()


@pytest.fixture
async def gateway(starter: FakeStarter, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    """A gateway that looks often at what is due."""
    monkeypatch.setattr(gateway_module, "_SWEEP", 0.02)
    async with serving(starter, route(), settings=GatewaySettings(init_seconds=0.0)) as gateway:
        yield gateway


def once(first: Break | NotStarted) -> FakeStarter:
    """Return instances of which the first call gets this, and all others an echo."""
    seen: list[Received] = []

    async def behave(call: Received) -> Reply | Break | NotStarted:
        seen.append(call)
        return first if len(seen) == 1 else await echo(call)

    return FakeStarter(behave)


@pytest.mark.parametrize("reason", ["draining", "busy", "revision", "refused", "some-new-word"])
async def test_a_call_that_was_not_started_is_sent_again(reason: str) -> None:
    starter = once(NotStarted(reason))
    async with serving(starter, route()) as gateway:
        answer = await exchange(gateway.port, invoke_bytes(body=b"1"))
    assert (answer.status, answer.body) == (200, b"1")
    tokens = [call.headers["x-funclet-token"] for each in starter.supervisors.values() for call in each.calls]
    assert len(set(tokens)) == 2


async def test_a_call_that_no_instance_takes_is_given_up(starter: FakeStarter) -> None:
    async def refuse(_: Received) -> NotStarted:
        return NotStarted()

    starter.behaviour = refuse
    async with serving(starter, route()) as gateway:
        answer = await exchange(gateway.port, invoke_bytes())
    assert answer.status == 503
    assert sum(len(each.calls) for each in starter.supervisors.values()) == 10


@pytest.mark.parametrize(
    "greeting",
    [
        b"HTTP/1.1 200 OK\r\n",
        b"FUNCLET/1 boot=0123456789abcdef revision=another\r\n",
        b"FUNCLET/1 boot=0123456789abcdef revision=hello-latest-a\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"x" * 5000,
    ],
)
async def test_an_instance_with_a_wrong_greeting_gets_no_event_and_is_a_failed_start(greeting: bytes) -> None:
    starter = FakeStarter()
    starter.prepare = lambda each: setattr(each, "greeting", greeting)
    async with serving(starter, route()) as gateway:
        answer = await exchange(gateway.port, invoke_bytes())
        assert (answer.status, "NotReached" in answer.json()["message"]) == (409, True)
        assert starter.supervisors["i0"].calls == []
        await until(lambda: starter.stopped)
    assert len(starter.started) == 1


async def test_an_instance_that_ends_before_it_greets_is_a_failed_start_and_says_how(
    starter: FakeStarter,
) -> None:
    dead: list[asyncio.Task[None]] = []

    def prepare(supervisor: FakeSupervisor) -> None:
        supervisor.greeting = b"F"
        supervisor.on_connection = lambda: dead.append(
            asyncio.create_task(starter.kill(starter.started[0], "exit status 1"))
        )

    starter.prepare = prepare
    async with serving(starter, route()) as gateway:
        answer = await exchange(gateway.port, invoke_bytes())
    assert answer.status == 409
    assert "InstanceEnded: exit status 1" in answer.json()["message"]
    assert len(dead) == 1


async def test_a_call_whose_connection_broke_is_sent_again_only_after_a_fence_that_refused() -> None:
    starter = once(Break())
    starter.prepare = lambda each: setattr(each, "fence_says", "refused")
    async with serving(starter, route()) as gateway:
        answer = await exchange(gateway.port, invoke_bytes(body=b"1"))
    first = starter.supervisors["i0"]
    assert (answer.status, answer.body) == (200, b"1")
    assert first.fenced == [first.calls[0].headers["x-funclet-token"]]


@pytest.mark.parametrize(
    ("first", "says", "boot"),
    [
        pytest.param(b"", "started", None, id="the fence says started"),
        pytest.param(b"", "what?", None, id="the fence says nothing known"),
        pytest.param(b"", "refused", "f" * 16, id="the supervisor was restarted"),
        pytest.param(b"H", "refused", None, id="one byte of an answer came"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12", "refused", None, id="half an answer"),
        pytest.param(b"garbage\r\n\r\n", "refused", None, id="no answer of HTTP"),
    ],
)
async def test_a_call_that_may_have_run_is_never_sent_again(
    first: bytes, says: str, boot: str | None
) -> None:
    starter = once(Break(first))

    def prepare(supervisor: FakeSupervisor) -> None:
        supervisor.fence_says, supervisor.fence_boot = says, boot

    starter.prepare = prepare
    async with serving(starter, route()) as gateway:
        answer = await exchange(gateway.port, invoke_bytes())
        assert answer.status == 200
        assert answer.headers["x-amz-function-error"] == "Unhandled"
        assert answer.json() == {
            "errorType": "Runtime.ExitError",
            "errorMessage": (
                f"RequestId: {answer.headers['x-amzn-requestid']} "
                "Error: Runtime exited with error: signal: killed"
            ),
        }
        assert sum(len(each.calls) for each in starter.supervisors.values()) == 1


async def test_an_instance_that_is_killed_fails_its_call_and_is_replaced(
    gateway: Gateway, starter: FakeStarter
) -> None:
    assert (await exchange(gateway.port, invoke_bytes())).status == 200
    forever = asyncio.Event()

    async def hang(call: Received) -> Reply:
        await forever.wait()
        return await echo(call)

    starter.supervisors["i0"].behaviour = hang
    running = asyncio.create_task(exchange(gateway.port, invoke_bytes()))
    await until(lambda: starter.supervisors["i0"].running)
    await starter.kill(starter.started[0])
    assert (await running).json()["errorType"] == "Runtime.ExitError"
    answer = await exchange(gateway.port, invoke_bytes())
    assert (answer.status, "x-amz-function-error" in answer.headers) == (200, False)
    assert len(starter.started) == 2


async def test_an_idle_instance_that_is_killed_loses_no_call(gateway: Gateway, starter: FakeStarter) -> None:
    await exchange(gateway.port, invoke_bytes())
    await starter.kill(starter.started[0])
    answer = await exchange(gateway.port, invoke_bytes())
    assert (answer.status, "x-amz-function-error" in answer.headers) == (200, False)


async def test_an_instance_whose_connection_ended_while_idle_is_dialled_again(
    gateway: Gateway, starter: FakeStarter
) -> None:
    await exchange(gateway.port, invoke_bytes())
    supervisor = starter.supervisors["i0"]
    for task in list(supervisor._tasks):
        task.cancel()
    await until(lambda: not supervisor._tasks)
    assert (await exchange(gateway.port, invoke_bytes())).status == 200
    assert supervisor.connections == 2
    assert len(starter.started) == 1


async def test_an_answer_over_the_limit_is_a_function_error(gateway: Gateway, starter: FakeStarter) -> None:
    async def large(_: Received) -> Reply:
        return Reply(b"1" * (6 * 1024 * 1024 + 101))

    starter.behaviour = large
    answer = await exchange(gateway.port, invoke_bytes())
    assert answer.json() == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }


async def test_an_answer_that_never_comes_is_a_timeout(
    starter: FakeStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    forever = asyncio.Event()

    async def hang(call: Received) -> Reply:
        await forever.wait()
        return await echo(call)

    starter.behaviour = hang
    monkeypatch.setattr(gateway_module, "_SWEEP", 0.02)
    monkeypatch.setattr("funclet.gateway.invoke._BACKSTOP", 0.1)
    short = route(latest=revision(timeout="10ms"))
    async with serving(starter, short, settings=GatewaySettings(init_seconds=0.0)) as gateway:
        answer = await exchange(gateway.port, invoke_bytes())
        forever.set()
    assert answer.json()["errorType"] == "Sandbox.Timedout"
    assert answer.json()["errorMessage"].endswith("Error: Task timed out after 0.01 seconds")


async def test_an_instance_that_never_answered_anything_counts_as_a_failed_start(
    starter: FakeStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    forever = asyncio.Event()

    async def hang(call: Received) -> Reply:
        await forever.wait()
        return await echo(call)

    starter.behaviour = hang
    monkeypatch.setattr(gateway_module, "_SWEEP", 0.02)
    monkeypatch.setattr("funclet.gateway.invoke._BACKSTOP", 0.1)
    short = route(latest=revision(timeout="10ms"))
    async with serving(starter, short, settings=GatewaySettings(init_seconds=0.0)) as gateway:
        await exchange(gateway.port, invoke_bytes())
        failure = gateway.revision_states()[revision().key].failure
        again = await exchange(gateway.port, invoke_bytes())
        forever.set()
    assert failure is not None
    assert failure.reason == "NotReady"
    assert (again.status, again.headers["x-amzn-errortype"]) == (409, "ResourceConflictException")
    assert len(starter.started) == 1


async def test_a_head_of_an_answer_without_end_is_cut(gateway: Gateway, starter: FakeStarter) -> None:
    async def endless(_: Received) -> Break:
        return Break(b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000)

    starter.behaviour = endless
    assert (await exchange(gateway.port, invoke_bytes())).json()["errorType"] == "Runtime.ExitError"


async def test_an_answer_outside_the_contract_is_not_passed_on(
    gateway: Gateway, starter: FakeStarter
) -> None:
    async def strange(_: Received) -> Reply:
        return Reply(b"<html>", "what")

    starter.behaviour = strange
    answer = await exchange(gateway.port, invoke_bytes())
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (500, "ServiceException")


async def test_two_answers_at_once_cost_the_connection(gateway: Gateway, starter: FakeStarter) -> None:
    ok = b"HTTP/1.1 200 OK\r\nx-funclet-outcome: ok\r\ncontent-length: 1\r\n\r\n1"

    async def twice(_: Received) -> Break:
        return Break(ok + ok.replace(b"\r\n\r\n1", b"\r\n\r\n2"))

    starter.behaviour = twice
    assert (await exchange(gateway.port, invoke_bytes())).body == b"1"
    starter.supervisors["i0"].behaviour = echo
    assert (await exchange(gateway.port, invoke_bytes(body=b"3"))).body == b"3"


async def test_an_unused_connection_is_closed_long_before_the_supervisor_would(
    gateway: Gateway, starter: FakeStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("funclet.gateway.upstream.IDLE", 0.05)
    await exchange(gateway.port, invoke_bytes())
    supervisor = starter.supervisors["i0"]
    await until(lambda: not supervisor._tasks)
    assert (await exchange(gateway.port, invoke_bytes())).status == 200
    assert supervisor.connections == 2


async def test_a_connection_to_a_pod_ends_by_itself_where_the_machine_behind_it_is_gone() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"FUNCLET/1 boot=0011223344556677 revision={revision().key}\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    loop = asyncio.get_running_loop()
    link = Link(Instance("pod", revision(), TcpAddress(host, port), loop.create_future()))
    over: asyncio.Future[object] = loop.create_future()
    dialled: list[socket.socket] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upstream, "notice_a_dead_node", recording(tcp.notice_a_dead_node, dialled))
        link.send(b"", b"", loop.time() + 5, over.set_result)
        await over
    link.close()
    assert len(dialled) == 1
    server.close()
    await server.wait_closed()


def recording(
    setting: Callable[[asyncio.BaseTransport], None], dialled: list[socket.socket]
) -> Callable[[asyncio.BaseTransport], None]:
    """The same, with a look at what it did."""

    def record(transport: asyncio.BaseTransport) -> None:
        setting(transport)
        connection = transport.get_extra_info("socket")
        silent = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        assert (silent, connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)) == (10_000, 1)
        dialled.append(connection)

    return record
