"""The pieces of local mode, put together: who is made first, who is told what, who ends last."""

import asyncio
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from aiohttp import web

from funclet.api.values import parse_duration
from funclet.gateway.admin.app import admin_application
from funclet.gateway.gateway import Gateway
from funclet.gateway.guard import Guard
from funclet.gateway.settings import LOCAL_HOSTS, GatewaySettings
from funclet.local import watch
from funclet.local.checked import CheckedCode
from funclet.local.code import CodeFolders
from funclet.local.console import Console
from funclet.local.guard import guarded
from funclet.local.kube.store import LocalKube
from funclet.local.launcher import ProcessStarter
from funclet.local.logs import Logs
from funclet.local.manifests import manifest_files
from funclet.local.options import LocalOptions
from funclet.local.ports import listen
from funclet.local.rest.routes import rest_routes
from funclet.local.revisions import GatewayRevisions
from funclet.local.runtimes import LocalRuntime, discover
from funclet.local.sources import ManifestSources
from funclet.local.state import StateFolder
from funclet.local.welcome import welcome
from funclet.plan.plan import Event, Key
from funclet.plan.revision import Platform, Revision
from funclet.plan.routes import FunctionRoute
from funclet.reconcile.loop import Reconciler
from funclet.reconcile.sources import BlobCode
from funclet.store.blobs import DirectoryBlobs

ACCOUNT = "123456789012"
_WITHOUT = frozenset({"secrets", "configMaps"})
_UNENFORCED = frozenset({"role", "ephemeralStorage", "network"})
_DEFAULT_REGION = "us-east-1"
_SETTLED_STEP = 0.02
_ADMIN_GRACE = 1.0
_STATE_STEP = 0.5


class LocalMode:
    """Everything that one `funclet local` runs; `start`, then `failed`, then `stop` and `close`."""

    def __init__(self, options: LocalOptions, console: Console) -> None:
        self._options = options
        self._console = console
        self._region = os.environ.get("AWS_REGION") or _DEFAULT_REGION
        self._state: StateFolder | None = None
        self._starter: ProcessStarter | None = None
        self._gateway: Gateway | None = None
        self._reconciler: Reconciler | None = None
        self._admin: web.AppRunner | None = None
        self._code: CodeFolders | None = None
        self._logs: Logs | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._waits_for = ["start"]

    async def start(self) -> None:
        """Serve. Returns when all manifests were looked at. Raises ManifestError, PortTakenError, StateError."""
        manifest_files(self._options.paths)  # before anything is made
        state = self._state = StateFolder(self._options.state)
        public = listen(self._options.port, "--port")
        admin = listen(self._options.admin_port, "--admin-port")
        runtimes = await discover()
        blobs = DirectoryBlobs(state.blobs)
        logs = self._logs = Logs(state.logs, self._console.log, self._console.error)
        kube = LocalKube(state.objects, on_event=self._told)
        for problem in kube.problems:
            self._console.error(problem)
        sources = ManifestSources(
            self._options.paths,
            kube=kube,
            blobs=blobs,
            console=self._console,
            on_problems=state.tell_problems,
        )
        code = self._code = CodeFolders(blobs, state.code)
        gateway = self._make_gateway(runtimes, code, logs)
        reconciler = self._reconciler = Reconciler(
            kube,
            self._platform(runtimes),
            CheckedCode(BlobCode(blobs), blobs),
            GatewayRevisions(gateway),
            on_route=self._routed,
            on_error=lambda key, error, delay: self._console.error(
                f"{key.kind} {key.name}: {error}; tried again in {delay:.3g} s"
            ),
        )
        self._tasks.append(asyncio.create_task(reconciler.run()))
        self._tasks.append(asyncio.create_task(self._look_after(state)))
        await self._serve_admin(admin, kube, blobs, logs, state.token())
        await sources.start()
        await self._settled(reconciler)
        await gateway.start(public)
        if self._options.watch:
            self._tasks.append(asyncio.create_task(self._follow(sources, state.root)))
        self._waits_for.clear()
        self._greet(reconciler, public, admin, wrong=bool(sources.problems))

    async def failed(self) -> None:
        """Wait until a piece that must never end does so. Raises what ended it."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def stop(self) -> None:
        """Take no more calls and finish those under way; every instance is drained."""
        self._waits_for.append("stop")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._gateway:
            await self._gateway.stop(self._longest())

    async def close(self) -> None:
        """End at once whatever is left."""
        if self._admin:
            await self._admin.cleanup()
        if self._starter:
            await self._starter.close()
        if self._code:
            self._code.close()
        if self._logs:
            self._logs.close()
        if self._state:
            self._state.close()

    def _platform(self, runtimes: Mapping[str, LocalRuntime]) -> Platform:
        resolved = {name: runtime.resolved for name, runtime in runtimes.items()}
        return Platform(ACCOUNT, self._region, resolved, without=_WITHOUT, unenforced=_UNENFORCED)

    def _make_gateway(self, runtimes: Mapping[str, LocalRuntime], code: CodeFolders, logs: Logs) -> Gateway:
        self._starter = ProcessStarter(
            runtimes=runtimes,
            code=code,
            region=self._region,
            passed=self._passed(),
            sink=logs.write,
            complain=lambda revision, line: self._console.error(f"supervisor of {revision.key}: {line}"),
        )
        settings = GatewaySettings(account=ACCOUNT, region=self._region, allowed_hosts=LOCAL_HOSTS)
        self._gateway = Gateway(self._starter, settings, on_revision_change=self._changed)
        return self._gateway

    def _passed(self) -> dict[str, str]:
        for name in self._options.pass_env:
            if name not in os.environ:
                self._console.warn(f"--pass-env {name}: there is no such variable in this shell.")
        return {name: os.environ[name] for name in self._options.pass_env if name in os.environ}

    async def _serve_admin(
        self, listener: socket.socket, kube: LocalKube, blobs: DirectoryBlobs, logs: Logs, token: str
    ) -> None:
        assert self._gateway is not None  # noqa: S101  # made before
        app = admin_application(
            registry=self._gateway.metrics.registry,
            waits_for=self._missing,
            token=token,
            routes=rest_routes(kube, events=kube, blobs=blobs, logs=logs),
        )
        app.middlewares.insert(0, guarded(Guard(LOCAL_HOSTS)))
        self._admin = web.AppRunner(app, access_log=None, shutdown_timeout=_ADMIN_GRACE)
        await self._admin.setup()
        await web.SockSite(self._admin, listener).start()

    def _missing(self) -> Iterator[str]:
        yield from self._waits_for

    async def _settled(self, reconciler: Reconciler) -> None:
        """Wait until the first look at every object is over, so that whoever calls now finds all functions."""
        while not reconciler.idle and not self._tasks[0].done():  # noqa: ASYNC110 - idleness is no event
            await asyncio.sleep(_SETTLED_STEP)

    async def _look_after(self, state: StateFolder) -> None:
        """Tell once where somebody removes the state folder; what is served already goes on."""
        while state.is_there():  # noqa: ASYNC110  # nothing tells of a folder's own removal
            await asyncio.sleep(_STATE_STEP)
        self._console.error(
            f"The state folder {state.root} was removed: nothing is kept any more. Start funclet local anew."
        )
        await asyncio.Event().wait()

    async def _follow(self, sources: ManifestSources, ignore: Path) -> None:
        async for _ in watch.changes(self._options.paths, lambda: sources.further_paths, ignore):
            await sources.refresh()

    def _routed(self, _where: tuple[str, str], _route: FunctionRoute | None) -> None:
        assert self._gateway is not None  # noqa: S101  # made before the reconciler
        assert self._reconciler is not None  # noqa: S101  # it calls
        self._gateway.update_routes(self._reconciler.routes)

    def _changed(self, revision: Revision) -> None:
        if self._reconciler:
            self._reconciler.poke_revision(revision)

    def _told(self, key: Key, event: Event) -> None:
        line = f"{key.kind} {key.name}: {event.message}"
        if event.type == "Warning":
            self._console.warn(line)
        else:
            self._console.say(line)

    def _longest(self) -> float:
        """Seconds that a call under way may still take."""
        assert self._reconciler is not None  # noqa: S101  # made with the gateway
        timeouts = [
            parse_duration(revision.settings.timeout)
            for route in self._reconciler.routes.values()
            for revision in route.versions.values()
            if isinstance(revision, Revision)
        ]
        return max(timeouts, default=0.0) + 1.0

    def _greet(
        self, reconciler: Reconciler, public: socket.socket, admin: socket.socket, *, wrong: bool
    ) -> None:
        assert self._state is not None  # noqa: S101  # made first
        url, admin_url = (f"http://127.0.0.1:{each.getsockname()[1]}" for each in (public, admin))
        self._state.endpoints(url=url, admin_url=admin_url)
        routes = reconciler.routes.values()
        for line in welcome(routes, url=url, admin_url=admin_url, state=self._options.state, wrong=wrong):
            self._console.say(line)
