"""Two gateways over real connections: a call comes to one and runs at the other, once, whatever happens."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from funclet.gateway.home import relay as relay_module
from funclet.gateway.home.homes import home_among
from funclet.gateway.ports import StartError
from funclet.gateway.settings import ListenerLimits
from funclet.lambda_api.invoke import REQUEST_LIMIT
from funclet.plan.routes import FunctionRoute, Unavailable
from support.gateway import (
    Received,
    Reply,
    exchange,
    invoke_bytes,
    revision,
    route,
    until,
)
from support.relaying import AT_B, Node, black_hole, call, calls_at, nodes

#: b's, but for whoever believes that there is a gateway c
DISPUTED = next(
    name
    for name in map("f{}".format, range(1000))
    if (home_among("ab", "default", name), home_among("abc", "default", name)) == ("b", "c")
)


# -- the way there and back


async def test_a_call_runs_at_its_home_wherever_it_comes(pair: list[Node]) -> None:
    a, b = pair
    for node in pair:
        answer = await call(node, b'{"n": 1}')
        assert (answer.status, answer.body) == (200, b'{"n": 1}')
    assert a.starter.started == []
    assert len(calls_at(b)) == 2
    assert len(b.starter.started) == 1


async def test_all_that_the_caller_said_reaches_the_function(pair: list[Node]) -> None:
    a, b = pair
    headers = {
        "X-Amz-Client-Context": "eyJjdXN0b20iOnsiYSI6MX19",
        "X-Amz-Log-Type": "Tail",
        "X-Amzn-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793",
    }
    answer = await exchange(a.gateway.port, invoke_bytes(f"{AT_B}:1", b"[1]", headers))
    (received,) = calls_at(b)
    assert received.body == b"[1]"
    assert received.headers["lambda-runtime-aws-request-id"] == answer.headers["x-amzn-requestid"]
    assert received.headers["lambda-runtime-trace-id"] == headers["X-Amzn-Trace-Id"]
    assert received.headers["lambda-runtime-client-context"] == '{"custom":{"a":1}}'
    assert received.headers["lambda-runtime-invoked-function-arn"].endswith(f":{AT_B}:1")
    assert received.headers["x-funclet-revision"] == revision(AT_B, "1").key
    assert answer.headers["x-amz-log-result"] == "bG9n"
    assert answer.headers["x-amz-executed-version"] == "1"


async def test_a_function_error_is_answered_as_at_its_home(pair: list[Node]) -> None:
    async def fail(_: Received) -> Reply:
        return Reply(b'{"errorMessage":"\xc3\xa9"}', "error")

    pair[1].starter.behaviour = fail
    here, there = await call(pair[0]), await call(pair[1])
    assert here.body == there.body == b'{"errorMessage":"\xc3\xa9"}'
    assert here.headers["x-amz-function-error"] == there.headers["x-amz-function-error"] == "Unhandled"


async def test_an_error_of_the_platform_is_answered_as_at_its_home(pair: list[Node]) -> None:
    pair[1].starter.failing[revision(AT_B).key] = StartError("ImageUnavailable", "no such image: ümlaut")
    here, there = await call(pair[0]), await call(pair[1])
    assert here.status == there.status == 409
    assert here.body == there.body
    assert here.headers["x-amzn-errortype"] == "ResourceConflictException"


async def test_the_cap_of_a_function_holds_over_all_gateways() -> None:
    release = asyncio.Event()

    async def hold(call: Received) -> Reply:
        await release.wait()
        return Reply(call.body)

    async with nodes(route(AT_B, reserved=2), behaviour=hold) as (a, b):
        running = [asyncio.create_task(call(node)) for node in (a, b)]
        await until(lambda: len(calls_at(b)) == 2)
        refused = await call(a)
        assert refused.status == 429
        assert refused.json()["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
        release.set()
        assert [(await each).status for each in running] == [200, 200]


async def test_an_event_of_the_largest_size_is_relayed(pair: list[Node]) -> None:
    body = b'"' + b"a" * (REQUEST_LIMIT - 2) + b'"'
    answer = await call(pair[0], body)
    assert answer.status == 200
    assert answer.body == body


# -- callers and homes that go


async def test_a_caller_that_leaves_gives_its_place_at_the_home_back(pair: list[Node]) -> None:
    a, b = pair
    b.starter.gate = asyncio.Event()
    _, writer = await asyncio.open_connection("127.0.0.1", a.gateway.port)
    writer.write(invoke_bytes(AT_B))
    await until(lambda: b.waiting(AT_B) == 1)
    writer.close()
    await until(lambda: b.waiting(AT_B) == 0)
    assert a.gateway._invoker.in_flight == 0


async def test_a_home_that_dies_in_the_middle_of_a_call_is_told_honestly_and_the_call_is_not_sent_again(
    pair: list[Node],
) -> None:
    a, b = pair

    release = asyncio.Event()

    async def hang(_: Received) -> Reply:
        await release.wait()
        return Reply()

    b.starter.behaviour = hang
    under_way = asyncio.create_task(call(a))
    await until(lambda: calls_at(b))
    await b.die()
    answer = await under_way
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (500, "ServiceException")
    assert "may have run" in answer.json()["Message"]
    release.set()
    assert len(calls_at(b)) == 1
    assert calls_at(a) == []


async def test_a_home_that_listens_no_more_is_replaced_at_once(pair: list[Node]) -> None:
    a, b = pair
    await b.die()
    answer = await call(a)
    assert answer.status == 200
    assert len(calls_at(a)) == 1
    assert a.homes.is_own("default", AT_B)


async def test_a_home_that_no_dial_reaches_is_replaced_after_one_second(pair: list[Node]) -> None:
    a, _ = pair
    with black_hole() as address:
        a.homes.update({"b": address})
        begun = time.monotonic()
        answer = await call(a)
        assert answer.status == 200
        assert len(calls_at(a)) == 1
        assert 0.9 < time.monotonic() - begun < 5


# -- homes that move


@contextlib.asynccontextmanager
async def disagreeing() -> AsyncIterator[list[Node]]:
    """Two gateways of which the second believes in a third, which is the function's home."""
    async with nodes(route(DISPUTED)) as (a, b):
        b.homes.update({"a": a.internal, "c": "127.0.0.1:1"})
        yield [a, b]


async def test_while_the_gateways_disagree_a_call_waits_until_they_do_not() -> None:
    async with disagreeing() as (a, b):
        under_way = asyncio.create_task(call(a, name=DISPUTED))
        await until(lambda: b.asked > 2)
        assert not under_way.done()
        a.homes.update({})
        assert (await under_way).status == 200
        assert (len(calls_at(a)), len(calls_at(b))) == (1, 0)


async def test_gateways_that_never_agree_are_owned_up_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "_CONVERGE", 0.2)
    async with disagreeing() as (a, b):
        answer = await call(a, name=DISPUTED)
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (503, "ServiceUnavailableException")
        assert calls_at(a) == calls_at(b) == []


async def test_a_call_that_its_home_had_taken_in_gets_as_much_time_again_when_the_home_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay_module, "_CONVERGE", 0.5)
    monkeypatch.setattr(relay_module, "_TAKEN_IN", 0.05)
    async with nodes(route(DISPUTED)) as (a, b):
        b.starter.gate = asyncio.Event()
        under_way = asyncio.create_task(call(a, name=DISPUTED))
        await until(lambda: b.waiting(DISPUTED) == 1)
        await asyncio.sleep(0.6)
        b.homes.update({"a": a.internal, "c": "127.0.0.1:1"})
        await until(lambda: b.asked > 2)
        a.homes.update({})
        assert (await under_way).status == 200
        assert len(calls_at(a)) == 1
        b.starter.gate.set()


async def test_a_home_that_leaves_says_so_and_is_passed_over_though_its_lease_still_runs(
    pair: list[Node],
) -> None:
    a, b = pair
    b.homes.leave()
    for node in pair:
        assert (await call(node)).status == 200
    assert (len(calls_at(a)), calls_at(b)) == (2, [])
    a.homes.update({"b": b.internal})
    assert a.homes.is_own("default", AT_B)


@pytest.mark.parametrize("calls_before", [0, 1])
async def test_a_home_that_parts_from_its_callers_still_tells_the_other_gateways_that_it_leaves(
    pair: list[Node], calls_before: int
) -> None:
    a, b = pair
    for _ in range(calls_before):
        await call(a)
    b.gateway.part()
    assert (await call(a)).status == 200
    assert len(calls_at(b)) == calls_before + 1
    b.homes.leave()
    assert (await call(a)).status == 200
    assert (len(calls_at(a)), len(calls_at(b))) == (1, calls_before + 1)
    assert a.homes.passed_over == ["b"]


async def test_whom_one_gateway_cannot_reach_the_next_passes_over_too() -> None:
    name = next(
        each
        for each in map("f{}".format, range(1000))
        if (home_among("abc", "default", each), home_among("ac", "default", each)) == ("b", "c")
    )
    async with nodes(route(name), names="abc") as (a, b, c):
        await b.die()
        assert (await call(a, name=name)).status == 200
        assert (len(calls_at(a)), len(calls_at(c))) == (0, 1)


async def test_where_another_gateway_has_a_peers_address_the_call_is_served_all_the_same() -> None:
    async with nodes(route(AT_B), names="abc") as (a, _, c):
        a.homes.update({"b": c.internal})
        assert (await call(a)).status == 200


async def test_a_home_holds_no_more_of_relayed_events_than_it_may(pair: list[Node]) -> None:
    a, b = pair
    b.starter.gate = asyncio.Event()
    b.gateway.admission.limits = replace(ListenerLimits(), held_bytes=2_000_000)
    body = b'"' + b"a" * 900_000 + b'"'
    calls = [asyncio.create_task(call(a, body)) for _ in range(5)]
    await until(lambda: sum(each.done() for each in calls) == 3)
    assert b.waiting(AT_B) == 2
    assert b.gateway.admission.bytes == 2 * len(body)
    b.starter.gate.set()
    assert sorted([(await each).status for each in calls]) == [200, 200, 429, 429, 429]
    assert (b.gateway.admission.bytes, b.gateway.admission.requests) == (0, 0)


async def test_a_version_that_cannot_run_at_its_home_is_told_with_its_reason() -> None:
    async with nodes(route(AT_B, versions={"1": revision(AT_B, "1")})) as (a, b):
        b.route(route(AT_B, versions={"1": Unavailable("RuntimeNotAvailable", "no such runtime")}))
        answer = await call(a, name=f"{AT_B}:1")
        assert answer.status == 409
        assert "RuntimeNotAvailable" in answer.json()["message"]


async def test_a_function_that_its_home_does_not_know_yet_is_waited_for(
    pair: list[Node], function: FunctionRoute
) -> None:
    a, b = pair
    b.route()
    under_way = asyncio.create_task(call(a))
    await asyncio.sleep(0.2)
    assert not under_way.done()
    b.route(function)
    assert (await under_way).status == 200
    assert len(calls_at(b)) == 1


async def test_when_the_home_moves_while_calls_wait_each_is_served_once(function: FunctionRoute) -> None:
    ledger: Counter[int] = Counter()

    async def write_down(call: Received) -> Reply:
        ledger[json.loads(call.body)] += 1
        return Reply(call.body)

    async with nodes(function, behaviour=write_down) as (a, b):
        b.starter.gate = asyncio.Event()
        calls = [asyncio.create_task(call((a, b)[number % 2], b"%d" % number)) for number in range(40)]
        await until(lambda: b.waiting(AT_B) == 40)
        b.homes.leave()
        assert b.waiting(AT_B) == 0
        await asyncio.sleep(0.1)
        a.homes.update({})
        answers = [await each for each in calls]
        assert [each.status for each in answers] == [200] * 40
        assert [json.loads(each.body) for each in answers] == list(range(40))
        assert ledger == Counter(range(40))
        assert calls_at(b) == []
        b.starter.gate.set()


async def test_when_homes_come_and_go_under_load_each_call_is_served_once(function: FunctionRoute) -> None:
    ledger: Counter[int] = Counter()

    async def write_down(call: Received) -> Reply:
        ledger[json.loads(call.body)] += 1
        await asyncio.sleep(0.005)
        return Reply(call.body)

    async with nodes(function, behaviour=write_down) as (a, b):
        peers = {node.name: node.internal for node in (a, b)}
        calls = []
        for number in range(300):
            calls.append(asyncio.create_task(call((a, b)[number % 2], b"%d" % number)))
            if number % 50 == 25:
                b.homes.update({})
                a.homes.update({})
            elif number % 50 == 49:
                a.homes.update(peers)
                b.homes.update(peers)
            await asyncio.sleep(0.002)
        answers = [await each for each in calls]
        assert [each.status for each in answers] == [200] * 300
        assert ledger == Counter(range(300))


async def test_what_runs_when_the_home_moves_is_finished_where_it_runs(pair: list[Node]) -> None:
    a, b = pair
    release = asyncio.Event()

    async def hold(call: Received) -> Reply:
        await release.wait()
        return Reply(call.body)

    b.starter.behaviour = hold
    under_way = asyncio.create_task(call(a, b"7"))
    await until(lambda: calls_at(b))
    b.homes.leave()
    a.homes.update({})
    assert (await call(a, b"8")).body == b"8"
    release.set()
    answer = await under_way
    assert (answer.status, answer.body) == (200, b"7")
    assert (len(calls_at(a)), len(calls_at(b))) == (1, 1)


# -- the relay itself


async def test_a_fault_of_the_relay_itself_is_owned_up_to(pair: list[Node]) -> None:
    def fault(*_: object) -> str:
        raise RuntimeError("a fault")

    pair[0].homes.address = fault  # type: ignore[assignment,method-assign]  # stands in for any fault
    answer = await call(pair[0])
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (500, "ServiceException")


async def test_a_relay_that_is_closed_leaves_no_call_behind() -> None:
    async with nodes(route(AT_B)) as (a, b):
        b.starter.gate = asyncio.Event()
        under_way = asyncio.create_task(call(a))
        await until(lambda: b.waiting(AT_B) == 1)
        await a.relay.close()
        await until(lambda: b.waiting(AT_B) == 0)
        under_way.cancel()
