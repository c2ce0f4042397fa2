"""What probes and Prometheus ask."""

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry, Counter

from funclet.process.health import health_application

waits: list[str] = []


@pytest.fixture
async def client() -> AsyncIterator[TestClient]:  # type: ignore[type-arg]  # of any request
    """Somebody who asks."""
    waits.clear()
    registry = CollectorRegistry()
    Counter("calls", "Calls.", registry=registry).inc(3)
    async with TestClient(TestServer(health_application(registry, lambda: waits))) as opened:
        yield opened


async def test_a_process_is_alive_and_not_ready_while_it_waits(client: TestClient) -> None:  # type: ignore[type-arg]  # as above
    waits.append("the first look at all objects")
    assert (await client.get("/healthz")).status == 200
    answer = await client.get("/readyz")
    assert (answer.status, await answer.text()) == (503, "waiting for the first look at all objects\n")
    waits.clear()
    assert (await client.get("/readyz")).status == 200


async def test_metrics_are_told_in_the_form_that_was_asked_for(client: TestClient) -> None:  # type: ignore[type-arg]  # as above
    plain = await client.get("/metrics")
    assert "calls_total 3.0" in await plain.text()
    assert plain.headers["Content-Type"].startswith("text/plain")
    open_metrics = await client.get(
        "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}
    )
    assert open_metrics.headers["Content-Type"].startswith("application/openmetrics-text")


async def test_nothing_else_is_served(client: TestClient) -> None:  # type: ignore[type-arg]  # as above
    assert (await client.get("/")).status == 404
    assert (await client.post("/healthz")).status == 405
