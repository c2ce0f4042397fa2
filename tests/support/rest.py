"""The administration listener with the real local store behind it, on a loopback port."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web
from prometheus_client import CollectorRegistry

from funclet.gateway.admin.app import admin_application
from funclet.local.kube.store import LocalKube
from funclet.local.rest.kinds import BY_KIND
from funclet.local.rest.routes import rest_routes
from funclet.store.blobs import DirectoryBlobs

TOKEN = "a-token-for-tests"
FUNCTIONS = "/apis/funclet.dev/v1alpha1/namespaces/default/functions"
APPLY = {"Content-Type": "application/apply-patch+yaml"}
MERGE = {"Content-Type": "application/merge-patch+json"}


def function(name: str = "greet", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "funclet.dev/v1alpha1",
        "kind": "Function",
        "metadata": {"name": name},
        "spec": {
            "runtime": "python3.11",
            "handler": "app.handler",
            "code": {"inline": {"app.py": "def handler(event, context): return event"}},
            **spec,
        },
    }


def alias(name: str = "greet-live", /, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "funclet.dev/v1alpha1",
        "kind": "Alias",
        "metadata": {"name": name},
        "spec": {"function": "greet", "name": "live", "version": "1", **spec},
    }


@dataclass
class LinesInMemory:
    """A log source whose followers wait for `write`."""

    kept: list[tuple[str, str]] = field(default_factory=list)
    followers: int = 0
    grown: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def write(self, version: str, text: str) -> None:
        async with self.grown:
            self.kept.append((version, text))
            self.grown.notify_all()

    async def lines(
        self, _function: str, *, versions: frozenset[str], tail: int | None, follow: bool
    ) -> AsyncIterator[str]:
        seen = 0 if tail is None else max(0, len(self.kept) - tail)
        self.followers += 1
        try:
            while follow or seen < len(self.kept):
                await self._grows_beyond(seen)
                of, text = self.kept[seen]
                seen += 1
                if not versions or of in versions:
                    yield text
        finally:
            self.followers -= 1

    async def _grows_beyond(self, seen: int) -> None:
        async with self.grown:
            await self.grown.wait_for(lambda: seen < len(self.kept))


async def until(condition: Callable[[], object]) -> None:
    """Return once the condition holds; fails after ten seconds."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the condition never held")


@dataclass
class Served:
    """A running listener."""

    url: str
    kube: LocalKube
    logs: LinesInMemory
    blobs: DirectoryBlobs
    runner: web.AppRunner
    client: ClientSession
    waits_for: list[str]

    async def ask(
        self, method: str, path: str, *, body: Any = None, data: bytes | str | None = None, **headers: str
    ) -> tuple[int, Any]:
        """Status and JSON body of an authorized request; `headers` names have _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = io.BytesIO(data) if isinstance(data, bytes) else data
        async with self.client.request(
            method, self.url + path, json=body, data=sent, headers=named
        ) as answer:
            told = await answer.read()
            is_json = told and answer.content_type == "application/json"
            return answer.status, json.loads(told) if is_json else told

    async def apply(self, manifest: Mapping[str, Any], manager: str = "test") -> tuple[int, Any]:
        return await self.apply_at(manifest["metadata"]["name"], manifest, manager, kind=manifest["kind"])

    async def apply_at(
        self, name: str, manifest: Any, manager: str = "test", *, kind: str = "Function"
    ) -> tuple[int, Any]:
        """Apply a manifest under the name of the URL."""
        path = f"{FUNCTIONS.removesuffix('functions')}{BY_KIND[kind].plural}/{name}?fieldManager={manager}"
        return await self.ask("PATCH", path, data=json.dumps(manifest), Content_Type=APPLY["Content-Type"])


@asynccontextmanager
async def served(folder: Path, kube: LocalKube | None = None) -> AsyncIterator[Served]:
    """The listener, until the end of the block."""
    store, logs, blobs = kube or LocalKube(), LinesInMemory(), DirectoryBlobs(folder / "blobs")
    waits_for: list[str] = []
    app = admin_application(
        registry=CollectorRegistry(),
        waits_for=lambda: waits_for,
        token=TOKEN,
        routes=rest_routes(store, events=store, blobs=blobs, logs=logs),
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    async with ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        try:
            yield Served(f"http://{host}:{port}", store, logs, blobs, runner, client, waits_for)
        finally:
            await runner.cleanup()
