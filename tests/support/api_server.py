"""A real API server for tests, one for the whole run; where it cannot run, the tests say why they are left out."""

import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cluster.control_plane import ControlPlane, control_plane
from cluster.errors import CannotRun
from funclet.kube.client import ClusterKube
from funclet.kube.config import InFile
from funclet.kube.connection import Connection, open_connection

_CRDS = Path(__file__).parents[2] / "crds"
_SHARED = pytest.StashKey[ControlPlane | str]()


@dataclass
class Server:
    """An API server with Funclet's CRDs."""

    plane: ControlPlane

    @property
    def kubeconfig(self) -> Path:
        return self.plane.kubeconfig

    async def connect(self) -> Connection:
        """A connection as the administrator."""
        return await open_connection(InFile(str(self.kubeconfig)))


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """An API server of a test's own, which it may stop and start. Raises CannotRun."""
    with control_plane() as plane:
        plane.kubectl("apply", "--server-side", f"--filename={_CRDS}")
        plane.kubectl("wait", "--for=condition=Established", "crd", "--all")
        yield Server(plane)


@pytest.fixture(scope="session")
def api_server(request: pytest.FixtureRequest) -> Server:
    """The API server of this run, shared by all who import this fixture."""
    stash = request.config.stash
    if _SHARED not in stash:
        stack = contextlib.ExitStack()
        request.config.add_cleanup(stack.close)
        try:
            stash[_SHARED] = stack.enter_context(serving()).plane
        except CannotRun as reason:
            stash[_SHARED] = f"no API server: {reason}"
    shared = stash[_SHARED]
    if isinstance(shared, str):
        pytest.skip(shared)
    return Server(shared)


@pytest.fixture
def own_api_server() -> Iterator[Server]:
    """An API server that a test may stop."""
    with contextlib.ExitStack() as stack:
        try:
            own = stack.enter_context(serving())
        except CannotRun as reason:
            pytest.skip(f"no API server: {reason}")
        yield own


@pytest.fixture
async def connection(api_server: Server) -> AsyncIterator[Connection]:
    opened = await api_server.connect()
    yield opened
    await opened.close()


@pytest.fixture
async def namespace(connection: Connection) -> str:
    """A namespace of the test's own."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    await make_namespace(connection, name)
    return name


@pytest.fixture
def kube(connection: Connection, namespace: str) -> ClusterKube:
    """The client, told to look at the test's own namespace alone."""
    return ClusterKube(connection, namespaces=[namespace])


async def make_namespace(connection: Connection, name: str) -> None:
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    await connection.call("POST", "/api/v1/namespaces", body=body)


def kubeconfig_for(url: str, path: Path) -> InFile:
    """A kubeconfig that names a server, and nobody in particular as its user."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    path.write_text(json.dumps(document), "utf-8")
    return InFile(str(path))


def away(folder: Path) -> InFile:
    """Where an API server could be, and nobody listens."""
    return kubeconfig_for("http://127.0.0.1:1", folder / "away.json")
