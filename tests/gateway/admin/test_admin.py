from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from funclet.gateway.admin.app import admin_application
from funclet.gateway.admin.token import is_bearer
from support.rest import FUNCTIONS, TOKEN, Served, served


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        yield running


@pytest.fixture
async def stranger() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_health_readiness_and_metrics_need_no_token(
    rest: Served, stranger: aiohttp.ClientSession, path: str
) -> None:
    async with stranger.get(rest.url + path) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/no/such/path",
        "/apis/funclet.dev/v1alpha1",
        FUNCTIONS,
        f"{FUNCTIONS}/greet",
        f"{FUNCTIONS}/greet/status",
        f"{FUNCTIONS}/greet/log",
        "/api/v1/namespaces/default/events",
        f"/blobs/{'a' * 64}",
        "/healthz/",
        "//healthz",
        "/metrics/..%2fapis",
    ],
)
async def test_everything_else_needs_it_whatever_the_method(
    rest: Served, stranger: aiohttp.ClientSession, method: str, path: str
) -> None:
    async with stranger.request(method, rest.url + path) as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        if method != "HEAD":
            assert (await answer.json())["reason"] == "Unauthorized"


@pytest.mark.parametrize(
    ("header", "right"),
    [
        (f"Bearer {TOKEN}", True),
        (f"bearer {TOKEN} ", True),
        (f"Bearer  {TOKEN}", True),
        (f"Basic {TOKEN}", False),
        (TOKEN, False),
        (f"Bearer {TOKEN}x", False),
        (f"Bearer {TOKEN[:-1]}", False),
        ("Bearer ", False),
        ("Bearer \udcff", False),
        ("", False),
        (None, False),
    ],
)
def test_only_the_whole_token_is_the_token(header: str | None, *, right: bool) -> None:
    assert is_bearer(header, TOKEN) is right


async def test_two_authorizations_are_none(rest: Served, stranger: aiohttp.ClientSession) -> None:
    headers = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer x")]
    async with stranger.get(rest.url + FUNCTIONS, headers=headers) as answer:
        assert answer.status == 401


def test_an_empty_token_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="token"):
        admin_application(registry=CollectorRegistry(), waits_for=list, token="")


async def test_readiness_says_what_it_waits_for(rest: Served, stranger: aiohttp.ClientSession) -> None:
    rest.waits_for.extend(["manifests", "runtimes"])
    async with stranger.get(f"{rest.url}/readyz") as answer:
        assert (answer.status, await answer.text()) == (503, "waiting for manifests\nwaiting for runtimes\n")
    async with stranger.get(f"{rest.url}/healthz") as answer:
        assert answer.status == 200


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text; version=1.0.0"])
async def test_metrics_are_those_of_the_registry_in_the_form_that_is_asked_for(accept: str) -> None:
    registry = CollectorRegistry()
    Counter("calls", "Calls.", registry=registry).inc(3)
    runner = web.AppRunner(admin_application(registry=registry, waits_for=list, token="t"), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession() as client:
            url = f"http://127.0.0.1:{runner.addresses[0][1]}/metrics"
            async with client.get(url, headers={"Accept": accept}) as answer:
                assert answer.content_type == accept.partition(";")[0]
                assert "calls_total 3.0" in await answer.text()
    finally:
        await runner.cleanup()


async def test_an_unknown_path_is_a_status_for_whoever_has_the_token(rest: Served) -> None:
    code, status = await rest.ask("GET", "/apis/apps/v1/deployments")
    assert (code, status["kind"], status["reason"]) == (404, "Status", "NotFound")


async def test_a_method_that_is_not_served_is_a_status_too(rest: Served) -> None:
    code, status = await rest.ask("DELETE", FUNCTIONS)
    assert (code, status["reason"]) == (405, "MethodNotAllowed")
