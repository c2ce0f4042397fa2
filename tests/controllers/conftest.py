"""One operator for most tests, in one namespace: each test has objects of its own names."""

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest

from cluster.errors import CannotRun
from support.api_server import Server, api_server, connection, kube, namespace, serving
from support.operators import OperatorProcess, Seen, running

__all__ = ["api_server", "connection", "kube", "namespace"]


@pytest.fixture(scope="session")
def operator(api_server: Server) -> Iterator[OperatorProcess]:
    """An operator of one namespace."""
    where = f"operated-{uuid.uuid4().hex[:8]}"
    api_server.plane.kubectl("create", "namespace", where)
    with running(api_server.kubeconfig, where) as process:
        yield process


@pytest.fixture
async def seen(api_server: Server, operator: OperatorProcess) -> AsyncIterator[Seen]:
    """The operator's namespace."""
    connection = await api_server.connect()
    yield Seen(connection, operator.namespace)
    await connection.close()


@pytest.fixture(scope="session")
def whole() -> Iterator[Server]:
    """A control plane with controllers, which tests may stop: garbage goes, Deployments have ReplicaSets."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(serving())
        except CannotRun as reason:
            pytest.skip(f"no API server: {reason}")
        server.plane.start("kube-controller-manager")
        yield server
