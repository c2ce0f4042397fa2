"""As much of an API server and its kubelets as the logs of pods take: pods that come and go, lines that come."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from support.api_server import kubeconfig_for

API = "/apis/funclet.dev/v1alpha1/namespaces/default"
PODS = "/api/v1/namespaces/default/pods"


@dataclass
class Log:
    """What a pod wrote: pairs of time and line."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    ended: bool = False
    #: an answer that is given instead of lines
    refusal: tuple[int, str] | None = None
    #: lines after which each connection breaks, once
    breaks_after: int | None = None


class LogServer:
    """The pods of function `greet`; whatever changes wakes all who follow."""

    def __init__(self) -> None:
        self.pods: dict[str, dict[str, Any]] = {}
        self.logs: dict[str, Log] = {}
        self.queries: list[dict[str, str]] = []
        self.aliases: list[dict[str, Any]] = []
        self.versions: list[dict[str, Any]] = []
        self._version = 1
        self._events: list[dict[str, Any]] = []
        self._changed = asyncio.Condition()
        self.watches = 0

    async def put(self, name: str, *, version: str = "1", lines: tuple[tuple[str, str], ...] = ()) -> Log:
        """Make a pod that runs."""
        self.logs[name] = Log(list(lines))
        labels = {"funclet.dev/function": "greet", "app.kubernetes.io/managed-by": "funclet"}
        status = {"name": "function", "containerID": f"c://{name}", "state": {"running": {}}}
        self.pods[name] = {
            "metadata": {
                "name": name,
                "uid": f"uid-{name}",
                "labels": labels,
                "annotations": {"funclet.dev/function": "greet", "funclet.dev/version": version},
                "creationTimestamp": f"2026-01-01T00:00:{len(self.pods):02}Z",
            },
            "status": {"containerStatuses": [status]},
        }
        await self._tell("ADDED", name)
        return self.logs[name]

    async def write(self, name: str, *lines: tuple[str, str]) -> None:
        """Make a pod write."""
        async with self._changed:
            self.logs[name].lines += lines
            self._changed.notify_all()

    async def end(self, name: str) -> None:
        """Delete a pod, whose log ends then."""
        self.logs[name].ended = True
        await self._tell("DELETED", name)

    async def _tell(self, type_: str, name: str) -> None:
        async with self._changed:
            self._version += 1
            event = {"type": type_, "object": self.pods[name]}
            if type_ == "DELETED":
                del self.pods[name]
            self._events.append(event)
            self._changed.notify_all()

    async def pods_of(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(dict(request.query))
        if "watch" not in request.query:
            metadata = {"resourceVersion": str(len(self._events))}
            return web.json_response(
                {"kind": "PodList", "metadata": metadata, "items": list(self.pods.values())}
            )
        self.watches += 1
        told = int(request.query["resourceVersion"])
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            async with self._changed:
                while len(self._events) <= told:
                    await self._changed.wait()
            for event in self._events[told:]:
                await answer.write(json.dumps(event).encode() + b"\n")
            told = len(self._events)

    async def log_of(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(dict(request.query))
        name, query = request.match_info["name"], request.query
        log = self.logs[name]
        if log.refusal is not None:
            return refused(*log.refusal)
        lines = [each for each in log.lines if each[0] >= query.get("sinceTime", "")]
        written = len(lines) if "tailLines" not in query else min(len(lines), int(query["tailLines"]))
        begin = len(log.lines) - written
        answer = web.StreamResponse()
        await answer.prepare(request)
        assert request.transport is not None
        await self._stream(answer, request.transport, log, begin, follow="follow" in query)
        return answer

    async def _stream(
        self,
        answer: web.StreamResponse,
        transport: asyncio.BaseTransport,
        log: Log,
        told: int,
        *,
        follow: bool,
    ) -> None:
        while True:
            for number, (stamp, text) in enumerate(log.lines[told:], told + 1):
                await answer.write(f"{stamp} {text}\n".encode())
                if log.breaks_after == number:
                    log.breaks_after = None
                    transport.close()
                    return
            told = len(log.lines)
            if log.ended or not follow:
                return
            async with self._changed:
                while len(log.lines) <= told and not log.ended:
                    await self._changed.wait()

    async def function(self, request: web.Request) -> web.Response:
        if request.match_info["name"] != "greet":
            return refused(404, "functions.funclet.dev not found")
        return web.json_response({"kind": "Function", "metadata": {"name": "greet"}, "spec": {}})

    async def listed(self, request: web.Request) -> web.Response:
        known = {"aliases": self.aliases, "functionversions": self.versions}
        items = known.get(request.match_info["plural"], [])
        return web.json_response({"items": items})


def refused(code: int, message: str) -> web.Response:
    """A metav1.Status."""
    return web.json_response({"kind": "Status", "code": code, "message": message}, status=code)


@asynccontextmanager
async def log_server(folder: Path) -> AsyncIterator[tuple[LogServer, Path]]:
    """The stand-in until the end of the block, and a kubeconfig for it with the context `c`."""
    server = LogServer()
    app = web.Application()
    app.router.add_get(PODS, server.pods_of)
    app.router.add_get(f"{PODS}/{{name}}/log", server.log_of)
    app.router.add_get(f"{API}/functions/{{name}}", server.function)
    app.router.add_get(f"{API}/{{plural}}", server.listed)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        source = kubeconfig_for(f"http://127.0.0.1:{runner.addresses[0][1]}", folder / "kubeconfig")
        yield server, Path(source.path)
    finally:
        await runner.cleanup()
