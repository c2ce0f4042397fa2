"""A process is started again for a dead watch, and not for an API server that is away."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from funclet.kube.cluster_port import ForbiddenError, UnreachableError
from funclet.kube.hearing import LONGEST, Hearing
from funclet.kube.port import KubeError, NotFoundError
from funclet.process import liveness
from funclet.process.health import health_application
from funclet.process.liveness import Liveness
from support.clock import Clock

Ask = Callable[[], Awaitable[object]]


async def answers() -> object:
    return {}


def fails(error: Exception) -> Ask:
    async def ask() -> object:
        raise error

    return ask


async def hangs() -> object:
    return await asyncio.Event().wait()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hearing(clock: Clock) -> Hearing:
    """One watch, which is silent for long."""
    found = Hearing(clock)
    found.heard("pods")
    clock.time += LONGEST
    return found


@pytest.mark.parametrize(
    "ask",
    [answers, fails(NotFoundError("no such Lease")), fails(ForbiddenError("no right"))],
    ids=["an object", "that there is none", "that it is forbidden"],
)
async def test_a_silent_watch_is_dead_where_the_api_server_answers(hearing: Hearing, ask: Ask) -> None:
    assert await Liveness(hearing, ask)() == ["pods"]


@pytest.mark.parametrize(
    "ask",
    [fails(UnreachableError("refused")), fails(KubeError("etcd is away")), hangs],
    ids=["refused", "ill", "no answer"],
)
async def test_a_watch_may_be_silent_while_the_api_server_is_away_and_for_as_long_after_that(
    hearing: Hearing, clock: Clock, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "_PATIENCE", 0.01)
    assert await Liveness(hearing, ask)() == []
    clock.time += LONGEST - 1
    assert await Liveness(hearing, answers)() == []
    clock.time += 1
    assert await Liveness(hearing, answers)() == ["pods"]


async def test_nobody_is_asked_while_all_is_well(clock: Clock) -> None:
    hearing = Hearing(clock)
    hearing.heard("pods")
    assert await Liveness(hearing, fails(AssertionError("asked")))() == []


async def test_the_probe_says_which_watch_it_is(hearing: Hearing) -> None:
    app = health_application(CollectorRegistry(), list, Liveness(hearing, answers))
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/healthz")
        assert (answer.status, await answer.text()) == (503, "no word from the watch of pods\n")
        hearing.heard("pods")
        assert (await client.get("/healthz")).status == 200
