"""The command on a real API server, and a stand-in for the gateway that the API server leads to."""

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from funclet.kube.connection import MERGE, Connection
from support.api_server import Server
from support.cli import Command, LambdaStandIn

CONTEXT = "funclet-test"


def kubeconfig(server: Server, path: Path, namespace: str, user: dict[str, Any] | None = None) -> Path:
    """A kubeconfig whose context names a namespace, for the administrator or another user."""
    document = json.loads(server.kubeconfig.read_text("utf-8"))
    document["contexts"][0]["context"]["namespace"] = namespace
    if user is not None:
        document["users"][0]["user"] = user
    path.write_text(json.dumps(document), "utf-8")
    return path


def command(server: Server, folder: Path, namespace: str, user: dict[str, Any] | None = None) -> Command:
    """The command in a folder of its own, with a cluster that is named."""
    work = folder / "work"
    work.mkdir(exist_ok=True)
    path = kubeconfig(server, folder / "kubeconfig", namespace, user)
    return Command(work, {"KUBECONFIG": str(path), "FUNCLET_CONTEXT": CONTEXT})


def own_address() -> str | None:
    """An address of this machine that is not loopback: an API server leads to no other; nothing is sent."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))
            address = str(probe.getsockname()[0])
    except OSError:
        return None
    return None if address.startswith("127.") else address


@asynccontextmanager
async def standing_at(address: str) -> AsyncIterator[tuple[LambdaStandIn, int]]:
    """A stand-in for the gateway at an address of this machine, and its port."""
    standing = LambdaStandIn()
    app = web.Application(client_max_size=8 << 20)
    app.router.add_post("/2015-03-31/functions/{name}/invocations", standing.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, address, 0).start()
    port = runner.addresses[0][1]
    standing.url = f"http://{address}:{port}"
    try:
        yield standing, port
    finally:
        await runner.cleanup()


async def put_gateway(connection: Connection, namespace: str, address: str, port: int) -> None:
    """Objects by which the API server takes this address for the Pod of a gateway's Service."""
    core = f"/api/v1/namespaces/{namespace}"
    pod: dict[str, Any] = {
        "metadata": {"name": "gateway"},
        "spec": {"containers": [{"name": "a", "image": "x"}]},
    }
    await connection.call("POST", f"{core}/pods", body=pod)
    status = {"status": {"podIP": address, "podIPs": [{"ip": address}]}}
    await connection.call("PATCH", f"{core}/pods/gateway/status", body=status, content_type=MERGE)
    service = {"metadata": {"name": "funclet-gateway"}, "spec": {"ports": [{"name": "http", "port": 8700}]}}
    await connection.call("POST", f"{core}/services", body=service)
    target = {"kind": "Pod", "name": "gateway", "namespace": namespace}
    subset = {
        "addresses": [{"ip": address, "targetRef": target}],
        "ports": [{"name": "http", "port": port}],
    }
    body: dict[str, Any] = {"metadata": {"name": "funclet-gateway"}, "subsets": [subset]}
    await connection.call("POST", f"{core}/endpoints", body=body)
