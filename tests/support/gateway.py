"""A gateway on loopback and supervisors that speak contract 1 as a script tells them."""

import asyncio
import contextlib
import json
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from prometheus_client import generate_latest

from funclet.api.settings import Code, VersionedSettings
from funclet.gateway.gateway import Gateway
from funclet.gateway.ports import Instance, StartError, UnixAddress
from funclet.gateway.settings import LOCAL_HOSTS, GatewaySettings, ListenerLimits
from funclet.plan.revision import ResolvedRuntime, Revision
from funclet.plan.routes import AliasRoute, FunctionRoute, Unavailable

ACCOUNT = "123456789012"
REGION = "us-east-1"
PATH = b"/2015-03-31/functions/hello/invocations"
#: deadlines so short that a test may see them pass
LIMITS = ListenerLimits(
    header=0.3, body_idle=0.3, request=1.0, keep_alive=0.6, write_idle=0.3, connections=50, held_requests=20
)
#: as on a laptop, with these deadlines
HASTY = GatewaySettings(allowed_hosts=LOCAL_HOSTS, listener=LIMITS)


def revision(
    name: str = "hello", version: str = "$LATEST", *, build: str = "a", timeout: str = "3s"
) -> Revision:
    """Return a revision; `build` tells two $LATEST apart."""
    return Revision(
        key=f"{name}-{version.strip('$').lower()}-{build}",
        namespace="default",
        function=name,
        function_name=name,
        version=version,
        settings=VersionedSettings(code=Code(inline={"app.py": "pass"}), timeout=timeout),
        code_sha256=build.encode().hex().zfill(64),
        runtime=ResolvedRuntime("python3.11", "local:0"),
    )


def route(
    name: str = "hello",
    *,
    latest: Revision | Unavailable | None = None,
    versions: Mapping[str, Revision | Unavailable] | None = None,
    aliases: Mapping[str, AliasRoute] | None = None,
    reserved: int | None = None,
    idle: float = 300.0,
    min_instances: int = 0,
    serving: Revision | None = None,
) -> FunctionRoute:
    """Return a function's route, by default with nothing but $LATEST."""
    return FunctionRoute(
        namespace="default",
        function=name,
        name=name,
        arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}",
        reserved=reserved,
        per_instance=1,
        idle=idle,
        min_instances=min_instances,
        versions={"$LATEST": latest or revision(name), **(versions or {})},
        aliases=aliases or {},
        serving=serving,
    )


def table(*routes: FunctionRoute) -> dict[tuple[str, str], FunctionRoute]:
    """Return the routes as the gateway takes them."""
    return {(each.namespace, each.name): each for each in routes}


@dataclass
class Received:
    """One `/invoke` as it came in."""

    headers: dict[str, str]
    body: bytes
    supervisor: "FakeSupervisor"


@dataclass
class Reply:
    """A whole answer."""

    body: bytes = b'"hi"'
    outcome: str = "ok"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class NotStarted:
    """The not-started answer."""

    reason: str = "draining"


@dataclass
class Break:
    """Send these bytes, then end the connection."""

    first: bytes = b""


Behaviour = Callable[[Received], Awaitable[Reply | NotStarted | Break]]


async def echo(call: Received) -> Reply:
    """Answer with the event."""
    return Reply(call.body)


@dataclass
class FakeSupervisor:
    """A supervisor's port: greets, and answers as `behaviour` says."""

    key: str
    behaviour: Behaviour
    path: str
    boot: str = field(default_factory=lambda: secrets.token_hex(8))
    ready: bool = True
    greeting: bytes | None = None
    #: what `/fence` says; None: by whether the call began
    fence_says: str | None = None
    fence_boot: str | None = None
    calls: list[Received] = field(default_factory=list)
    connections: int = 0
    fenced: list[str] = field(default_factory=list)
    running: int = 0
    on_connection: Callable[[], object] = lambda: None
    _first: bool = True
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._accept, self.path, limit=1 << 24)

    async def close(self) -> None:
        """Stop listening and end all connections."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, EOFError):
                await self._serve(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.on_connection()
        boot = self.fence_boot if self.fence_boot is not None and self.calls else self.boot
        writer.write(self.greeting or f"FUNCLET/1 boot={boot} revision={self.key}\r\n".encode())
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head[:-4].split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            path = first.split(" ")[1]
            if path == "/invoke":
                if not await self._invoke(Received(headers, body, self), writer):
                    return
            elif path == "/fence":
                self.fenced.append(headers["x-funclet-token"])
                started = any(
                    call.headers["x-funclet-token"] == headers["x-funclet-token"] for call in self.calls
                )
                said = self.fence_says or ("started" if started else "refused")
                writer.write(_http(200, {"x-funclet-call": said}))
            else:
                writer.write(_http(200 if self.ready else 503, {}))

    async def _invoke(self, call: Received, writer: asyncio.StreamWriter) -> bool:
        self.calls.append(call)
        self.running += 1
        try:
            what = await self.behaviour(call)
        finally:
            self.running -= 1
        if isinstance(what, Break):
            writer.write(what.first)
            await writer.drain()
            return False
        if isinstance(what, NotStarted):
            writer.write(_http(503, {"x-funclet-not-started": what.reason}))
            return True
        headers = {
            "content-type": "application/json",
            "x-funclet-outcome": what.outcome,
            "x-funclet-duration-us": "1500",
            "x-funclet-billed-ms": "2",
            "x-funclet-memory-mb": "30",
        }
        if self._first:
            headers["x-funclet-init-us"] = "20000"
        if call.headers.get("x-funclet-tail"):
            headers["x-funclet-log-tail"] = "bG9n"
        self._first = False
        writer.write(_http(200, {**headers, **what.headers}, what.body))
        await writer.drain()
        return True


def _http(status: int, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n{lines}\r\n".encode() + body


class FakeStarter:
    """Makes FakeSupervisors; `failing` is raised instead, `prepare` may change each before it is used."""

    def __init__(self, behaviour: Behaviour = echo) -> None:
        self.behaviour = behaviour
        self.failing: dict[str, StartError] = {}
        self.prepare: Callable[[FakeSupervisor], None] = lambda _: None
        self.gate: asyncio.Event | None = None
        self.started: list[Instance] = []
        self.stopped: list[Instance] = []
        self.supervisors: dict[str, FakeSupervisor] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="funclet-")

    @property
    def live(self) -> list[str]:
        """Keys of the revisions of all instances that were made and not stopped."""
        return [each.revision.key for each in self.started if each not in self.stopped]

    async def start(self, revision: Revision) -> Instance:
        """Make an instance."""
        if self.gate is not None:
            await self.gate.wait()
        if revision.key in self.failing:
            raise self.failing[revision.key]
        name = f"i{len(self.supervisors)}"
        path = str(Path(self._folder.name) / name)
        supervisor = FakeSupervisor(revision.key, self.behaviour, path)
        self.prepare(supervisor)
        self.supervisors[name] = supervisor
        await supervisor.open()
        instance = Instance(name, revision, UnixAddress(path), asyncio.get_running_loop().create_future())
        self.started.append(instance)
        return instance

    async def stop(self, instance: Instance) -> None:
        """End it by drain."""
        self.stopped.append(instance)
        supervisor = self.supervisors[instance.id]
        await until(lambda: not supervisor.running)
        await supervisor.close()
        if not instance.ended.done():
            instance.ended.set_result("It was stopped.")

    async def kill(self, instance: Instance, how: str = "It was killed by signal 9.") -> None:
        """End it as a crash does."""
        await self.supervisors[instance.id].close()
        instance.ended.set_result(how)

    def clean(self) -> None:
        """Remove the sockets' folder."""
        self._folder.cleanup()


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait until the condition holds. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while True:
            if condition():
                return
            await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def serving(
    starter: FakeStarter, *routes: FunctionRoute, settings: GatewaySettings | None = None
) -> AsyncIterator[Gateway]:
    """Return a gateway that listens on a free port with these routes."""
    gateway = Gateway(starter, replace(settings or GatewaySettings(), port=0))
    await gateway.start()
    gateway.update_routes(table(*routes))
    try:
        yield gateway
    finally:
        for supervisor in starter.supervisors.values():
            supervisor.behaviour = echo
        await gateway.stop(0.2)
        starter.clean()


def metrics(gateway: Gateway) -> bytes:
    """Return the gateway's metrics as Prometheus reads them."""
    return generate_latest(gateway.metrics.registry)


@dataclass
class HttpAnswer:
    """An HTTP answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


async def read_answer(reader: asyncio.StreamReader) -> HttpAnswer:
    """Read one answer; 100 is skipped."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    status = int(first.split(" ")[1])
    if status == 100:
        return await read_answer(reader)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = b"" if status == 204 else await reader.readexactly(int(headers.get("content-length", "0")))
    return HttpAnswer(status, headers, body)


async def exchange(port: int, *pieces: bytes, eof: bool = False, seconds: float = 10.0) -> HttpAnswer:
    """Send raw bytes on a connection of their own and read one answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(seconds):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if eof:
                writer.write_eof()
            return await read_answer(reader)
    finally:
        writer.close()


def invoke_bytes(
    name: str = "hello",
    body: bytes = b"{}",
    headers: Mapping[str, str] | None = None,
    *,
    query: str = "",
    host: str | None = "localhost",
) -> bytes:
    """Return an Invoke request as bytes."""
    fields = {} if host is None else {"Host": host}
    fields |= {"Content-Length": str(len(body)), **(headers or {})}
    lines = "".join(f"{key}: {value}\r\n" for key, value in fields.items())
    target = f"/2015-03-31/functions/{name}/invocations{query}"
    return f"POST {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body


def request(
    *lines: bytes,
    target: bytes = PATH,
    version: bytes = b"HTTP/1.1",
    host: bytes = b"Host: localhost",
    body: bytes = b"",
) -> bytes:
    """Return a POST of exactly these header lines as bytes."""
    head = [b"POST " + target + b" " + version, *([host] if host else []), *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


async def is_closed(reader: asyncio.StreamReader) -> bool:
    """Whether nothing but the end comes; waits for it."""
    async with asyncio.timeout(5.0):
        try:
            return await reader.read() == b""
        except ConnectionError:
            return True
