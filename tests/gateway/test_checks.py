"""Large events are looked through in slices, and the other callers are served in between."""

import asyncio

import pytest
from structlog.testing import capture_logs

from funclet.gateway.checks import Checks
from funclet.gateway.gateway import Gateway
from funclet.lambda_api.invoke import Checking
from support.gateway import FakeStarter, exchange, invoke_bytes, metrics, until

#: takes a fifth of a second to look through
LARGE = b"[" + b"[]," * 2_000_000 + b"0]"


async def test_small_calls_are_answered_while_a_large_one_is_looked_at(gateway: Gateway) -> None:
    assert (await exchange(gateway.port, invoke_bytes())).status == 200
    large = asyncio.create_task(exchange(gateway.port, invoke_bytes(body=LARGE)))
    await until(lambda: not gateway._front._checks._none.is_set())
    assert (await exchange(gateway.port, invoke_bytes())).status == 200
    assert not large.done()
    answer = await large
    assert (answer.status, answer.body) == (200, LARGE)


@pytest.mark.parametrize("headers", [{}, {"X-A": "a", "x-a": "b"}], ids=["fast lane", "aiohttp"])
async def test_a_client_that_leaves_while_its_event_is_looked_at_leaves_nothing_behind(
    gateway: Gateway, starter: FakeStarter, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checks, go_on = gateway._front._checks, Checks._go_on
    # However fast this machine is, the look takes until the client has left.
    monkeypatch.setattr(Checks, "_go_on", lambda _: None)
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(invoke_bytes(body=LARGE, headers=headers))
    await until(lambda: not gateway._front._checks._none.is_set())
    writer.close()
    await until(lambda: b"funclet_connections 0.0" in metrics(gateway))
    go_on(checks)
    await gateway._front.settle(5.0)
    assert b"funclet_held_requests 0.0" in metrics(gateway)
    assert b"funclet_held_bytes 0.0" in metrics(gateway)
    assert starter.started == []


async def test_an_event_that_is_looked_at_when_the_gateway_stops_is_still_run(gateway: Gateway) -> None:
    large = asyncio.create_task(exchange(gateway.port, invoke_bytes(body=LARGE)))
    await until(lambda: not gateway._front._checks._none.is_set())
    await gateway.stop(10.0)
    assert (await large).status == 200


async def test_checks_take_turns() -> None:
    checks = Checks()
    order: list[str] = []

    def checking(name: str, slices: int) -> Checking:
        for _ in range(slices):
            order.append(name)
            yield
        return b"{}"

    def then(name: str) -> None:
        order.append(f"{name} is over")

    checks.begin(checking("a", 4), lambda _: then("a"))
    checks.begin(checking("b", 2), lambda _: then("b"))
    await checks.settle()
    assert order == ["a", "b", "a", "b", "a", "b is over", "a", "a is over"]


async def test_a_check_of_one_slice_is_over_at_once() -> None:
    def checking() -> Checking:
        yield from ()
        return b"{}"

    found: list[object] = []
    assert Checks().begin(checking(), found.append) is None
    assert found == [b"{}"]


async def test_a_check_that_begins_as_another_ends_takes_its_turn() -> None:
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    checks = Checks()
    order: list[str] = []

    def checking(name: str) -> Checking:
        yield
        order.append(name)
        return b"{}"

    checks.begin(checking("a"), lambda _: checks.begin(checking("b"), lambda _: None))
    await checks.settle()
    await asyncio.sleep(0)
    assert (order, faults) == (["a", "b"], [])


async def test_a_check_that_ends_in_a_fault_holds_no_other_up() -> None:
    faults: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    checks = Checks()
    found: list[object] = []

    def checking() -> Checking:
        yield
        return b"{}"

    def broken(_: object) -> None:
        raise RuntimeError("boo")

    checks.begin(checking(), broken)
    checks.begin(checking(), found.append)
    async with asyncio.timeout(1.0):
        await checks.settle()
    assert found == [b"{}"]
    assert [str(fault["exception"]) for fault in faults] == ["boo"]


@pytest.mark.parametrize("body", [b"{}", b"[" + b"[]," * 60_000 + b"0]"], ids=["small", "large"])
@pytest.mark.parametrize("headers", [{}, {"X-A": "a", "x-a": "b"}], ids=["fast lane", "aiohttp"])
async def test_a_fault_of_the_gateways_own_is_told_and_leaves_nothing_behind(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, body: bytes, headers: dict[str, str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("boo")

    monkeypatch.setattr(gateway._front, "_target", broken)
    with capture_logs() as logs:
        answer = await exchange(gateway.port, invoke_bytes(body=body, headers=headers))
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (500, "ServiceException")
    assert [line["event"] for line in logs] == ["a call could not be begun"]
    assert "boo" not in str(answer)
    await until(lambda: b"funclet_held_requests 0.0" in metrics(gateway))
    assert b"funclet_held_bytes 0.0" in metrics(gateway)
