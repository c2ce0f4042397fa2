"""A supervisor as a real process, and a gateway that is a blocking socket; for tests and for measuring."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from base64 import b64decode
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import funclet.supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType
    from typing import Self

SUPERVISOR = Path(funclet.supervisor.__file__).parent
CLIENTS = SUPERVISOR / "clients"
_COMMAND = [sys.executable, "-I", "-S", str(SUPERVISOR)]
REVISION = "hello-1-abc"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:hello"
PATIENCE = 20.0
T = TypeVar("T")


def wait_for(look: Callable[[], T | None], patience: float = PATIENCE) -> T:
    """Look until there is something to see; returns it."""
    latest = time.monotonic() + patience
    while not (seen := look()):
        if time.monotonic() > latest:
            raise AssertionError("waited in vain")
        time.sleep(0.005)
    return seen


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def outcome(self) -> str | None:
        """ok, error, init-error, or None where nothing ran."""
        return self.headers.get("x-funclet-outcome")

    @property
    def not_started(self) -> str | None:
        """Why nothing ran."""
        return self.headers.get("x-funclet-not-started")

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def tail(self) -> str:
        """The log's tail."""
        return b64decode(self.headers["x-funclet-log-tail"]).decode()


class Gateway:
    """One connection to a supervisor, as a gateway holds it."""

    def __init__(self, address: str) -> None:
        host, _, port = address.removeprefix("tcp:").rpartition(":")
        tcp = address.startswith("tcp:")
        self.socket = socket.socket(socket.AF_INET if tcp else socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self._rest = b""
        try:
            self.socket.connect((host, int(port)) if tcp else address)
            self.greeting = self._until(b"\r\n").decode().split()
        except OSError:
            self.socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def invoke(self, event: bytes = b"{}", **headers: str) -> Answer:
        """Send an event and wait for what becomes of it. Headers are named with underscores for dashes."""
        self.send_invoke(event, **headers)
        return self.answer()

    def send_invoke(self, event: bytes = b"{}", **headers: str) -> str:
        """Send an event. Returns the call's token."""
        told = {
            "content-type": "application/json",
            "x-funclet-revision": REVISION,
            "x-funclet-token": uuid.uuid4().hex,
            "lambda-runtime-aws-request-id": str(uuid.uuid4()),
            "lambda-runtime-invoked-function-arn": ARN,
            "content-length": str(len(event)),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        self.send("POST", "/invoke", told, event)
        return told["x-funclet-token"]

    def request(self, method: str, path: str, **headers: str) -> Answer:
        """Send a request without a body and wait for the answer."""
        self.send(method, path, {name.replace("_", "-"): value for name, value in headers.items()})
        return self.answer()

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> None:
        """Send a request in one write."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.socket.sendall(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)

    def answer(self) -> Answer:
        """Read one answer."""
        first, *lines = self._until(b"\r\n\r\n").decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        length = int(headers.get("content-length", "0"))
        while len(self._rest) < length:
            self._receive()
        body, self._rest = self._rest[:length], self._rest[length:]
        return Answer(int(first.split()[1]), headers, body)

    def ended(self) -> bool:
        """Whether the supervisor has closed the connection, having sent nothing more."""
        return not self._rest and self.socket.recv(1) == b""

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._rest:
            self._receive()
        found, _, self._rest = self._rest.partition(mark)
        return found

    def _receive(self) -> None:
        piece = self.socket.recv(1 << 18)
        if not piece:
            raise ConnectionError("the supervisor closed the connection")
        self._rest = self._rest + piece if self._rest else piece


@dataclass
class Supervisor:
    """A supervisor with its function's folder; used as a context, it is ended at the end."""

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    #: a descriptor for its log, where that is not to be a file
    log_to: int | None = None
    #: a command that goes on to run it
    under: Sequence[str] = ()
    #: what its own environment has beyond this process's
    variables: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.folder.mkdir(exist_ok=True)
        self.log_path = self.folder / "log"
        settings = self.folder / "settings.json"
        settings.write_text(json.dumps(self.settings))
        # A socket's path may be no longer than about a hundred bytes.
        self.address = self.settings["listen"].removeprefix("unix:")
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [*self.under, *_COMMAND, "--settings", str(settings)],
                stdout=log if self.log_to is None else self.log_to,
                stderr=subprocess.PIPE,
                env={**os.environ, **self.variables},
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.terminate()
        try:
            _, said = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        if kind is None:
            assert said == b""

    @property
    def pid(self) -> int:
        """The supervisor's process."""
        if not self.under:
            return self.process.pid
        return wait_for(lambda: next(filter(_is_supervisor, self.processes()), None))

    def gateway(self) -> Gateway:
        """Return a new connection to it."""

        def dial() -> Gateway | None:
            try:
                return Gateway(self.address)
            except (FileNotFoundError, ConnectionRefusedError):
                return None

        return wait_for(dial)

    def invoke(self, event: Any = None, **headers: str) -> Answer:
        """Send one event over a connection of its own."""
        with self.gateway() as gateway:
            return gateway.invoke(b"{}" if event is None else json.dumps(event).encode(), **headers)

    def log(self) -> str:
        """What it has logged so far."""
        return self.log_path.read_bytes().decode(errors="replace")

    def lines(self, mark: str) -> list[str]:
        """The lines of the log that contain `mark`."""
        return [line for line in self.log().split("\n") if mark in line]

    def said(self, mark: str) -> list[str]:
        """The same, once there is one: the log is written just after the answer."""
        return wait_for(lambda: self.lines(mark))

    def wait_until_ready(self) -> None:
        """Return when the runtime has asked for its first event."""
        with self.gateway() as gateway:
            wait_for(lambda: gateway.request("GET", "/ready").status == 200)

    @property
    def peak_memory(self) -> int:
        """The most memory that it has had, without its function, in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        [peak] = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
        return peak << 10

    def terminate(self) -> None:
        """Ask it to drain."""
        if self.under:
            os.kill(self.pid, signal.SIGTERM)
        else:
            self.process.send_signal(signal.SIGTERM)

    def exit_status(self) -> int:
        """Wait for its end."""
        return self.process.wait(PATIENCE)

    def complaint(self) -> str:
        """Read one line of what it says is wrong with itself, which is then expected."""
        assert self.process.stderr is not None
        return self.process.stderr.readline().decode()

    def descendants(self) -> list[int]:
        """The processes that descend from it."""
        return list(_descendants(self.pid))

    def processes(self) -> list[int]:
        """All processes, whatever it runs under among them."""
        return [self.process.pid, *_descendants(self.process.pid)]


def _is_supervisor(pid: int) -> bool:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return arguments[: len(_COMMAND)] == _COMMAND


def _descendants(pid: int) -> Iterator[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except FileNotFoundError:
        return
    for task in tasks:
        try:
            children = (task / "children").read_text().split()
        except FileNotFoundError:
            continue
        for child in map(int, children):
            yield child
            yield from _descendants(child)


def is_alive(pid: int) -> bool:
    """Whether a process runs, a zombie not counted."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


def settings_for(
    folder: Path, command: list[str], *, environment: dict[str, str] | None = None, **changes: Any
) -> dict[str, Any]:
    """Settings as whoever starts a supervisor writes them; `folder` is the working directory."""
    return {
        "revision": REVISION,
        "listen": f"unix:{folder}/s",
        "command": command,
        "environment": {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_FUNCTION_NAME": "hello",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/hello",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/23/[$LATEST]0123",
            "LAMBDA_TASK_ROOT": str(folder),
            **(environment or {}),
        },
        "working_directory": str(folder),
        "function_name": "hello",
        "handler": "app.handler",
        "runtime": {"name": "python:3.11", "digest": "local:0123"},
        "memory_mb": 128,
        "timeout_ms": 3000,
        "quiet_ms": 0,
        "parent_death": True,
        **changes,
    }


def python_command(handler: str = "app.handler", python: str = sys.executable) -> list[str]:
    """Return the command of a function in Python."""
    return [python, "-I", "-S", str(CLIENTS / "python.py"), handler]


def processes_with(mark: str) -> list[int]:
    """The processes whose environment contains `mark`."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdecimal() and mark.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return [pid for pid in found if is_alive(pid)]
