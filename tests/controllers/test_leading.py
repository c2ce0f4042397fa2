"""Writing is the leader's alone."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from funclet.controllers.leading import FRESH, LeadersKube, NotLeadingError
from funclet.kube.client import ClusterKube
from funclet.kube.connection import open_connection
from funclet.kube.leadership import DURATION, Leadership
from funclet.kube.port import NotFoundError
from funclet.plan.plan import Event, Key
from support.api_server import kubeconfig_for
from support.clock import Clock
from support.cluster_objects import config_map_in, function_in

Write = Callable[[LeadersKube, str], Awaitable[object]]
WRITES: dict[str, Write] = {
    "apply": lambda kube, where: kube.apply(function_in(where), manager="funclet"),
    "create": lambda kube, where: kube.create(config_map_in(where, "a"), manager="funclet"),
    "status": lambda kube, where: kube.patch_status(Key("Function", where, "greet"), {}, manager="funclet"),
    "delete": lambda kube, where: kube.delete(Key("Function", where, "greet")),
    "record": lambda kube, where: kube.record(Key("Function", where, "greet"), Event("Normal", "A", "b")),
}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def leadership(kube: ClusterKube, namespace: str, clock: Clock) -> Leadership:
    return Leadership(kube, Key("Lease", namespace, "funclet-operator"), "one", clock=clock)


@pytest.mark.parametrize("write", WRITES)
async def test_whoever_does_not_lead_writes_nothing(
    kube: ClusterKube, leadership: Leadership, namespace: str, write: str
) -> None:
    leaders = LeadersKube(kube, leadership)
    with pytest.raises(NotLeadingError):
        await WRITES[write](leaders, namespace)
    assert await leaders.list("Function") == []
    with pytest.raises(NotFoundError):
        await leaders.get(Key("Function", namespace, "greet"))


async def test_a_write_that_the_server_had_no_time_for_is_sent_again_only_by_the_leader(
    leadership: Leadership, namespace: str, clock: Clock, tmp_path: Path
) -> None:
    writes: list[str] = []

    async def busy(request: web.Request) -> web.Response:
        writes.append(request.method)
        clock.time += FRESH + 0.1
        return web.json_response({}, status=429, headers={"Retry-After": "0"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", busy)
    async with TestServer(app) as server:
        source = kubeconfig_for(str(server.make_url("")).rstrip("/"), tmp_path / "kubeconfig")
        hurried = ClusterKube(await open_connection(source))
        await leadership.attempt()
        with pytest.raises(NotLeadingError):
            await LeadersKube(hurried, leadership).apply(function_in(namespace), manager="funclet")
        await hurried.close()
    assert writes == ["PATCH"]


async def test_a_leader_stops_writing_well_before_another_may_begin(
    kube: ClusterKube, leadership: Leadership, namespace: str, clock: Clock
) -> None:
    leaders = LeadersKube(kube, leadership)
    await leadership.attempt()
    await leaders.apply(function_in(namespace), manager="funclet")
    assert FRESH + 0.1 < DURATION
    clock.time += FRESH + 0.1
    with pytest.raises(NotLeadingError):
        await leaders.delete(Key("Function", namespace, "greet"))
    await leadership.attempt()
    await leaders.delete(Key("Function", namespace, "greet"))
