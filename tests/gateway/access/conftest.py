"""What the tests here share."""

import pytest

from support.access import Door


@pytest.fixture
async def door() -> Door:
    """A gateway that asks Kubernetes."""
    return Door()
