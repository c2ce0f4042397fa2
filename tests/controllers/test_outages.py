"""What becomes of the operator while nobody tells it anything."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cluster.control_plane import ControlPlane
from funclet.api.platform import load
from funclet.controllers import operator as module
from funclet.controllers.operator import Operator
from funclet.kube.client import ClusterKube
from funclet.kube.connection import Connection
from funclet.process.settings import OperatorSettings
from support.api_server import Server, make_namespace
from support.operators import QUICK, OperatorProcess, Seen, eventually, running, write_files


@contextmanager
def away(plane: ControlPlane) -> Iterator[None]:
    """End the API server, and start it again at the end of the block."""
    plane.stop("kube-apiserver")
    try:
        yield
    finally:
        plane.start("kube-apiserver")


async def logs(operator: OperatorProcess, what: str) -> None:
    """Wait until an operator says this."""

    async def look() -> bool:
        assert operator.process.poll() is None, operator.said
        return what in operator.said

    await eventually(look)


async def test_operators_outlive_an_api_server_that_is_away_begin_without_it_and_end_without_it(
    whole: Server,
) -> None:
    connection = await whole.connect()
    seen, later = Seen(connection, Seen.new()), Seen(connection, Seen.new())
    for each in (seen, later):
        await make_namespace(connection, each.namespace)
    with running(whole.kubeconfig, seen.namespace, lease=QUICK) as operator:
        name = seen.new()
        await seen.apply(seen.function(name))
        revision = (await seen.deployed(name))["metadata"]["name"]
        with (
            running(whole.kubeconfig, "default") as impatient,
            running(whole.kubeconfig, later.namespace) as patient,
        ):
            with away(whole.plane):
                await logs(impatient, "does not answer")
                assert impatient.terminate() == 0
                await logs(patient, "does not answer")
                await logs(operator, '"event": "not leading any more"')
            await seen.kube.delete(seen.key(revision, "Deployment"))
            await seen.apply(seen.function(name, memory="256Mi"))
            await seen.until(name, lambda found: found["status"]["latestRevision"] != revision)
            await later.settled()
            assert patient.process.poll() is None
        assert operator.terminate() == 0
    await connection.close()


class Deaf:
    """Watches that never tell anything."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        self._stopped.set()

    async def run(self) -> None:
        await self._stopped.wait()


async def test_a_look_at_everything_finds_what_every_watch_missed(
    connection: Connection, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KopfFeed", Deaf)
    monkeypatch.setattr(module, "RESYNC", 0.3)
    files = write_files(tmp_path)
    settings = OperatorSettings(
        platform=Path(files["FUNCLET_PLATFORM"]),
        keys=Path(files["FUNCLET_KEYS"]),
        namespaces=(namespace,),
        identity="deaf",
        namespace=namespace,
        admin_host="127.0.0.1",
        admin_port=0,
    )
    seen = Seen(connection, namespace)
    operator = Operator(
        settings, load(settings.platform.read_text()), ClusterKube(connection, namespaces=[namespace])
    )
    running = asyncio.create_task(operator.run())
    await seen.apply(seen.function("greet"))
    revision = (await seen.deployed("greet"))["metadata"]["name"]
    await seen.kube.delete(seen.key(revision, "Deployment"))
    await seen.until(revision, bool, "Deployment")
    operator.stop()
    await running
