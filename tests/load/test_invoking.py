"""The whole of it: load on `funclet local`, the probe as its function, and the ledger's verdict."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ledger.check import check
from ledger.collector import Collector, collecting
from ledger.manifest import function
from ledger.records import Event, events
from load.arrivals import lasting, poisson
from load.invoking import Target, invoking
from load.open_loop import load
from support.local import Local, local_mode

pytestmark = pytest.mark.processes


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    with collecting(tmp_path, "127.0.0.1") as running:
        yield running


@pytest.fixture
def local(tmp_path: Path, collector: Collector) -> Iterator[Local]:
    manifest = tmp_path / "probe.yaml"
    manifest.write_text(json.dumps(function("probe", collector.address)))
    with local_mode(manifest, state=tmp_path / "state") as running:
        yield running


async def test_on_a_laptop_nothing_is_lost_and_nothing_overlaps(local: Local, collector: Collector) -> None:
    target = Target(f"http://127.0.0.1:{local.port}", "probe", qualifier="$LATEST")
    source = events(1, seconds=(0.0, 0.2))
    async with (
        invoking(target) as caller,
        load(caller, source, lasting(2.0, poisson(20, seed=1))) as offered,
    ):
        await offered.follow(lasting(2.0, poisson(10, seed=2)))
    verdict = check(offered.calls, collector.records())
    assert verdict.holds, verdict.problems
    assert verdict.n > 20
    assert {call.version for call in offered.calls} == {"$LATEST"}


async def test_an_unknown_function_is_a_failure_with_its_answer(local: Local) -> None:
    async with invoking(Target(f"http://127.0.0.1:{local.port}", "nobody")) as caller:
        call = await caller.call(Event(0, 0.0), 0.0)
    assert (call.status, call.acked) == (404, False)
    assert b"Function not found" in call.answer


async def test_a_gateway_that_is_not_there_is_a_failure_with_its_error() -> None:
    async with invoking(Target("http://127.0.0.1:1", "probe")) as caller:
        call = await caller.call(Event(0, 0.0), 0.0)
    assert (call.status, call.acked) == (0, False)
    assert "Connect" in call.error


async def test_a_call_carries_the_token_and_a_whole_arn() -> None:
    seen: list[tuple[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.raw_path, request.headers["Authorization"]))
        return web.json_response({}, headers={"X-Amz-Executed-Version": "3"})

    application = web.Application()
    application.router.add_post("/{rest:.*}", answer)
    async with TestServer(application) as server:
        url = str(server.make_url("")).rstrip("/")
        arn = "arn:aws:lambda:us-east-1:123456789012:function:probe"
        async with invoking(Target(url, arn, token="secret", qualifier="live")) as caller:
            call = await caller.call(Event(0, 0.0), 0.0)
    path = arn.replace(":", "%3A")
    assert seen == [(f"/2015-03-31/functions/{path}/invocations?Qualifier=live", "Bearer secret")]
    assert (call.version, call.acked) == ("3", True)
