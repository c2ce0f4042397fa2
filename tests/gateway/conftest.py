"""A gateway on loopback with instances that echo, for tests in which time passes fast or not at all."""

from collections.abc import AsyncIterator

import pytest

from funclet.gateway import gateway as gateway_module
from funclet.gateway.gateway import Gateway
from funclet.plan.routes import FunctionRoute
from support.gateway import HASTY, FakeStarter, route, serving


@pytest.fixture
async def starter() -> FakeStarter:
    """Instances that echo."""
    return FakeStarter()


@pytest.fixture
def function() -> FunctionRoute:
    """The function that the gateway serves; a module may have its own."""
    return route()


@pytest.fixture
async def gateway(starter: FakeStarter, function: FunctionRoute) -> AsyncIterator[Gateway]:
    """A gateway with one function."""
    async with serving(starter, function) as gateway:
        yield gateway


@pytest.fixture
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gateways that look often at what is due."""
    monkeypatch.setattr(gateway_module, "_SWEEP", 0.02)


@pytest.fixture
async def hasty(
    starter: FakeStarter, function: FunctionRoute, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Gateway]:
    """A gateway as on a laptop, with short deadlines."""
    monkeypatch.setattr(gateway_module, "_SWEEP", 0.02)
    async with serving(starter, function, settings=HASTY) as gateway:
        yield gateway
