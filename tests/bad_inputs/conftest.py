"""The real API server, to which bad manifests are sent."""

import uuid

import pytest

from support.api_server import Server, api_server, connection

__all__ = ["api_server", "connection"]


@pytest.fixture(scope="session")
def namespace(api_server: Server) -> str:
    """One namespace for all: each test has objects of its own names."""
    name = f"bad-{uuid.uuid4().hex[:8]}"
    api_server.plane.kubectl("create", "namespace", name)
    return name
