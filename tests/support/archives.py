"""Gateways that share code: each with its own disk, resources and door, on loopback."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from funclet.gateway.code.archives import CACHE, PATH, ArchiveError, Archives, Origin, Wanted
from funclet.gateway.code.door import CodeDoor
from funclet.gateway.code.references import KINDS
from funclet.kube.informer import Informer
from funclet.local.kube.store import LocalKube
from funclet.plan.record import record_manifest
from support.objects import function_manifest, stored
from support.rendering import on_cluster, revision_of, template

CAPABILITY_KEY = b"the key of capabilities"
#: whose archives these are, where a test does not say
NAMESPACE = "default"


class Shelf:
    """An origin with archives by their source; it counts who asks, fails where one is an error, waits while `gate` is not set."""

    def __init__(self, shelf: Mapping[str, bytes | ArchiveError]) -> None:
        self.shelf = dict(shelf)
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self, source: str) -> AsyncGenerator[bytes]:
        self.asked.append(source)
        await self.gate.wait()
        found = self.shelf[source]
        if isinstance(found, ArchiveError):
            raise found
        for start in range(0, len(found), 1000):
            yield found[start : start + 1000]


class CodeGateway:
    """As much of a gateway as has to do with code."""

    def __init__(self, root: Path, origin: Origin, session: aiohttp.ClientSession, limit: int) -> None:
        self.root = root
        self.peers: list[str] = []
        self.informer = Informer(LocalKube(), KINDS)
        self.archives = Archives(
            root,
            self.informer,
            CAPABILITY_KEY,
            origin,
            peers=lambda: self.peers,
            session=session,
            limit=limit,
        )
        self.address = ""
        self._version = 0

    def put(self, manifest: Mapping[str, Any], *, status: Mapping[str, Any] | None = None) -> None:
        """Let the gateway see a resource as it is now."""
        self._version += 1
        seen = stored(manifest, resourceVersion=str(self._version))
        self.informer.put({**seen, "status": dict(status or {})})

    def put_record(self, code: Mapping[str, Any], sha256: str) -> None:
        """Let it see the record of a revision of $LATEST that had this code."""
        owner = on_cluster(code=dict(code))
        made = revision_of(owner, sha256)
        self._version += 1
        record = record_manifest(owner, made, template(made))
        self.informer.put(stored(record, resourceVersion=str(self._version)))

    def put_zip(self, sha256: str, url: str, *, name: str = "greet", namespace: str = NAMESPACE) -> None:
        """Let it see a Function whose code is an archive."""
        manifest = function_manifest(name, code={"zip": {"url": url, "sha256": sha256}})
        manifest["metadata"]["namespace"] = namespace
        self.put(manifest, status={"codeSha256": sha256})

    def put_inline(
        self,
        inline: Mapping[str, str],
        sha256: str | None,
        *,
        name: str = "greet",
        namespace: str = NAMESPACE,
    ) -> None:
        """Let it see a Function whose code stands in it."""
        manifest = function_manifest(name, code={"inline": dict(inline)})
        manifest["metadata"]["namespace"] = namespace
        self.put(manifest, status={} if sha256 is None else {"codeSha256": sha256})

    async def find(self, sha256: str, namespace: str = NAMESPACE) -> Path:
        """Give the archive's file to a namespace."""
        return await self.archives.find(Wanted(namespace, sha256))

    def has(self, sha256: str, namespace: str = NAMESPACE) -> bool:
        """Whether a namespace's archive is on the disk."""
        return (self.root / namespace / sha256[:2] / sha256).is_file()


@asynccontextmanager
async def code_gateway(root: Path, origin: Origin, *, limit: int = CACHE) -> AsyncIterator[CodeGateway]:
    """A gateway that listens."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(auto_decompress=False))
        gateway = CodeGateway(root, origin, session, limit)
        stack.push_async_callback(gateway.archives.close)
        app = web.Application()
        app.router.add_get(
            f"{PATH}/{{namespace}}/{{sha256}}", CodeDoor(gateway.archives, CAPABILITY_KEY).answer
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        gateway.address = f"{host}:{port}"
        yield gateway
