"""A gateway's whole process, with pods as processes and an API server that is away."""

import asyncio
import contextlib
import hashlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from funclet.api.platform import load
from funclet.gateway.cluster import process as process_module
from funclet.gateway.cluster.process import GatewayProcess
from funclet.gateway.cluster.snapshot import Snapshot, _write
from funclet.gateway.code.archives import ArchiveError, Wanted
from funclet.gateway.deployments import starter as starter_module
from funclet.gateway.deployments.raised import Whose
from funclet.gateway.home.homes import home_among
from funclet.kube.client import ClusterKube
from funclet.kube.connection import open_connection
from funclet.process.keys import key_id
from funclet.process.settings import GatewaySettings
from support.api_server import away
from support.gateway import exchange, invoke_bytes, until
from support.objects import SHA, function_manifest, stored
from support.origins import LOOPBACK, site
from support.pod import KEY, POD, UID
from support.pods import of_replica_set
from support.sim_cluster import running
from support.supervisor import Supervisor, python_command, settings_for

pytestmark = pytest.mark.processes

REVISION = "greet-latest-x"
LABELS = {"funclet.dev/revision": REVISION}
TOKEN = {"Authorization": "Bearer the-token-of-the-chart"}
STORED = b"PK of a store"
PLATFORM = f"""
region: us-east-1
defaultNamespace: default
gatewayInternalUrl: http://gateway.internal:8702
supervisorImage: {{ref: example.com/supervisor:1, digest: "sha256:{"a" * 64}", pullPolicy: IfNotPresent}}
runtimes: []
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    """A pod's supervisor, at the port of all pods."""
    port = free_port()
    monkeypatch.setattr(starter_module, "INVOKE_PORT", port)
    folder = tmp_path / "pod"
    folder.mkdir()
    (folder / "app.py").write_text("def handler(event, context): return event")
    known = {**KEY.setting, "id": key_id(KEY.private.public_key())}
    settings = settings_for(
        folder, python_command(), revision=REVISION, keys=[known], listen=f"tcp:127.0.0.1:{port}"
    )
    with Supervisor(folder, settings, variables=POD) as supervisor:
        yield supervisor


def objects() -> list[dict[str, Any]]:
    """What the gateway saw in its last life: a function with one pod."""
    status = {
        "observedGeneration": 1,
        "latestRevision": REVISION,
        "servingRevision": REVISION,
        "codeSha256": SHA,
        "runtimeDigest": "sha256:" + "b" * 64,
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": REVISION, "namespace": "default", "labels": LABELS, "resourceVersion": "2"},
        "spec": {"replicas": 1},
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "greet-1",
            "namespace": "default",
            "uid": UID,
            **of_replica_set(REVISION),
            "resourceVersion": "3",
        },
        "spec": {"nodeName": "node-1"},
        "status": running("127.0.0.1"),
    }
    return [{**stored(function_manifest(), resourceVersion="1"), "status": status}, deployment, pod]


@pytest.fixture
def peers(request: pytest.FixtureRequest) -> dict[str, str]:
    """The gateways that this one saw in its last life: none, unless a test says others."""
    return getattr(request, "param", {})


@pytest.fixture
def settings(tmp_path: Path, peers: dict[str, str]) -> GatewaySettings:
    """A gateway's environment."""
    keys, cache = tmp_path / "keys", tmp_path / "cache"
    keys.mkdir()
    cache.mkdir()
    pem = KEY.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    contents = {
        "tls.key": pem,
        "relay.key": b"r" * 32,
        "capability.key": b"c" * 32,
        "api.token": b"the-token-of-the-chart",
    }
    for name, content in contents.items():
        (keys / name).write_bytes(content)
    _write(cache / "snapshot.json", objects(), peers)
    return GatewaySettings(
        platform=tmp_path / "platform.yaml",
        keys=keys,
        identity="gateway-1",
        namespace="funclet-system",
        pod_ip="127.0.0.1",
        host="127.0.0.1",
        admin_host="127.0.0.1",
        port=0,
        admin_port=0,
        internal_port=0,
        cache=cache,
    )


@contextlib.asynccontextmanager
async def begun(
    settings: GatewaySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[GatewayProcess]:
    """A process that serves what was seen last."""
    monkeypatch.setattr(process_module, "_PATIENCE", 0.1)
    monkeypatch.setattr(process_module, "_QUIET", 0.0)
    kube = ClusterKube(await open_connection(away(tmp_path)))
    made = GatewayProcess(settings, load(PLATFORM), kube)
    running_process = asyncio.create_task(made.run())
    await until(lambda: running_process.done() or not list(made._missing()), 15.0)
    yield made
    made.stop()
    # What waits for an instance that will not come would be waited for.
    for function in made._gateway._router.all():
        function.slots.close()
    await running_process
    await kube.close()


@pytest.fixture
async def process(
    settings: GatewaySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[GatewayProcess]:
    """The process, once it serves what it saw last."""
    async with begun(settings, tmp_path, monkeypatch) as made:
        yield made


@pytest.mark.usefixtures("pod")
async def test_without_the_api_server_a_gateway_that_was_restarted_serves_warm_calls(
    process: GatewayProcess,
) -> None:
    answer = await exchange(process._gateway.port, invoke_bytes("greet", b'{"a": 1}', TOKEN))
    assert (answer.status, answer.json()) == (200, {"a": 1})
    refused = await exchange(process._gateway.port, invoke_bytes("greet"))
    assert refused.status == 403
    someone = {"Authorization": "Bearer a-kubernetes-token"}
    assert (await exchange(process._gateway.port, invoke_bytes("greet", headers=someone))).status == 503


async def test_a_gateway_that_begins_in_a_takeover_serves_with_the_pods_of_what_served(
    pod: Supervisor, settings: GatewaySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest revision does not come up: pods of the one before it must not go for that."""
    seen = objects()
    seen[0]["status"] |= {"latestRevision": "greet-latest-new"}
    _write(settings.cache / "snapshot.json", seen, {})
    async with begun(settings, tmp_path, monkeypatch) as process:
        answer = await exchange(process._gateway.port, invoke_bytes("greet", b"1", TOKEN))
        assert (answer.status, answer.body) == (200, b"1")
        function = process._gateway._router.find("default", "greet")
        assert function is not None
        assert [place.link.instance.revision.key for place in function.slots.places()] == [REVISION]
    with pod.gateway() as dialled:
        assert dialled.greeting[0] == "FUNCLET/2"


async def test_the_others_hear_of_a_gateway_once_it_can_serve(
    settings: GatewaySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a snapshot it waits for the API server: nobody may send it a call meanwhile."""
    monkeypatch.setattr(process_module, "_PATIENCE", 0.01)
    monkeypatch.setattr(process_module, "_QUIET", 0.0)
    kube = ClusterKube(await open_connection(away(tmp_path)))
    waits, told = asyncio.Event(), asyncio.Event()

    async def restore(_: Snapshot) -> bool:
        waits.set()
        return False

    async def list_(*_: object) -> list[dict[str, Any]]:
        return []

    async def apply(manifest: dict[str, Any], *, manager: str) -> dict[str, Any]:
        assert manager
        told.set()
        return manifest

    monkeypatch.setattr(Snapshot, "restore", restore)
    monkeypatch.setattr(kube, "list", list_)
    monkeypatch.setattr(kube, "apply", apply)
    made = GatewayProcess(settings, load(PLATFORM), kube)
    running_process = asyncio.create_task(made.run())
    await asyncio.wait_for(waits.wait(), 5.0)
    assert not told.is_set()
    made._informer.synced.set()
    await asyncio.wait_for(told.wait(), 5.0)
    made.stop()
    await running_process
    await kube.close()


async def test_a_gateway_that_stops_leaves_its_pods_to_the_next(
    pod: Supervisor, process: GatewayProcess
) -> None:
    await exchange(process._gateway.port, invoke_bytes("greet", b"1", TOKEN))
    process.stop()
    await until(lambda: "stop" in list(process._missing()))
    assert pod.process.poll() is None
    with pod.gateway() as dialled:
        assert dialled.greeting[0] == "FUNCLET/2"


async def test_when_another_gateway_becomes_home_the_pods_stay_as_they_are(
    pod: Supervisor, process: GatewayProcess
) -> None:
    await exchange(process._gateway.port, invoke_bytes("greet", b"1", TOKEN))
    other = name_with_home_of_greet("gateway-1")
    process._homes.update({other: "127.0.0.1:1"})
    function = process._gateway._router.find("default", "greet")
    assert function is not None
    assert (function.at_home, function.slots.places()) == (False, [])
    assert process._starter._running == {}
    with pod.gateway() as dialled:
        assert dialled.greeting[0] == "FUNCLET/2"
    # It cannot be dialled: the function comes back, and its pod with it.
    answer = await exchange(process._gateway.port, invoke_bytes("greet", b"2", TOKEN))
    assert (answer.status, answer.body) == (200, b"2")
    assert function.at_home


@contextlib.asynccontextmanager
async def with_a_store_inside(
    settings: GatewaySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[], Awaitable[Path]]]:
    """Serve with a function whose code is in a store on loopback; gives what fetches it."""
    sha256 = hashlib.sha256(STORED).hexdigest()

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=STORED)

    async with site(answer) as port:
        seen = objects()
        seen[0]["spec"]["code"] = {"zip": {"url": f"http://127.0.0.1:{port}/greet.zip", "sha256": sha256}}
        _write(settings.cache / "snapshot.json", seen, {})
        async with begun(settings, tmp_path, monkeypatch) as process:
            yield lambda: process._archives.find(Wanted("default", sha256))


async def test_code_comes_from_inside_where_the_settings_allow_it(
    settings: GatewaySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = {"code_allow_http": True, "code_allowed_networks": (LOOPBACK,)}
    async with with_a_store_inside(
        settings.model_copy(update=allowed), tmp_path, monkeypatch
    ) as code_of_greet:
        assert (await code_of_greet()).read_bytes() == STORED


@pytest.mark.parametrize(
    ("allow_http", "why"),
    [(False, "plain http is not allowed on this platform"), (True, "the host has no public address")],
)
async def test_code_does_not_come_from_inside_otherwise(
    settings: GatewaySettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    allow_http: bool,
    why: str,
) -> None:
    said = settings.model_copy(update={"code_allow_http": allow_http})
    async with with_a_store_inside(said, tmp_path, monkeypatch) as code_of_greet:
        with pytest.raises(ArchiveError, match=why):
            await code_of_greet()


def name_with_home_of_greet(own: str) -> str:
    names = (f"gateway-{number}" for number in range(2, 100))
    return next(each for each in names if home_among([own, each], "default", "greet") == each)


@pytest.mark.parametrize(
    "peers",
    [{"gateway-1": "127.0.0.1:2", name_with_home_of_greet("gateway-1"): "127.0.0.1:1"}],
    indirect=True,
)
@pytest.mark.usefixtures("pod")
async def test_a_gateway_that_was_restarted_is_not_the_home_of_what_others_were_home_of(
    process: GatewayProcess, peers: dict[str, str]
) -> None:
    function = process._gateway._router.find("default", "greet")
    assert function is not None
    assert not function.at_home
    assert process._homes.home("default", "greet") == [*peers][1]
    # That one is gone too.
    answer = await exchange(process._gateway.port, invoke_bytes("greet", b"2", TOKEN))
    assert (answer.status, answer.body) == (200, b"2")


@pytest.mark.parametrize(
    ("annotations", "revision", "elsewhere", "whose"),
    [
        ({"funclet.dev/function-name": "greet"}, REVISION, False, REVISION),
        ({"funclet.dev/function-name": "greet"}, "greet-latest-old", False, Whose.NOBODY),
        ({"funclet.dev/function-name": "gone"}, "gone-latest-x", False, Whose.NOBODY),
        ({"funclet.dev/function-name": "greet"}, "greet-latest-old", True, Whose.ELSEWHERE),
        ({}, "greet-latest-old", False, Whose.ELSEWHERE),
        (None, "greet-latest-old", False, Whose.ELSEWHERE),
    ],
)
@pytest.mark.usefixtures("pod")
async def test_whose_a_deployment_is(
    process: GatewayProcess,
    annotations: dict[str, str] | None,
    revision: str,
    *,
    elsewhere: bool,
    whose: Whose | str,
) -> None:
    if elsewhere:
        process._homes.update({name_with_home_of_greet("gateway-1"): "127.0.0.1:1"})
    labels = {"funclet.dev/revision": revision}
    metadata = {"namespace": "default", "name": revision, "labels": labels, "annotations": annotations}
    found = process._whose({"kind": "Deployment", "metadata": metadata, "spec": {"replicas": 1}})
    assert (found if isinstance(found, Whose) else found.key) == whose
