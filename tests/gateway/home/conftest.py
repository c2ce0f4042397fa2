"""What the tests here share."""

from collections.abc import AsyncIterator

import pytest

from funclet.plan.routes import FunctionRoute
from support.gateway import (
    revision,
    route,
)
from support.relaying import AT_B, Node, nodes


@pytest.fixture
def function() -> FunctionRoute:
    """A function whose home is b."""
    return route(AT_B, versions={"1": revision(AT_B, "1")})


@pytest.fixture
async def pair(function: FunctionRoute) -> AsyncIterator[list[Node]]:
    """Two gateways; the function's home is b."""
    async with nodes(function) as made:
        yield made
