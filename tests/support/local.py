"""`funclet local` as a real process, and what a caller sees of it."""

import base64
import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FUNCLET = str(Path(sys.executable).with_name("funclet"))
PATIENCE = 30.0


def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Poll until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def function(name: str, code: str = "", *, spec: Mapping[str, Any] | None = None) -> str:
    """A manifest of a Python function; `code` is app.py, `handler` in it."""
    body = {
        "apiVersion": "funclet.dev/v1alpha1",
        "kind": "Function",
        "metadata": {"name": name},
        "spec": {
            "runtime": "python",
            "handler": "app.handler",
            "code": {"inline": {"app.py": code or "def handler(event, context):\n    return event\n"}},
            **(spec or {}),
        },
    }
    return json.dumps(body) + "\n"


@dataclass(frozen=True)
class Answer:
    """An answer of the gateway."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def log(self) -> str:
        return base64.b64decode(self.headers.get("x-amz-log-result", "")).decode()


@dataclass
class Local:
    """A running `funclet local`."""

    process: subprocess.Popen[str]
    port: int
    admin_port: int
    state: Path
    output: Path
    instances: set[int] = field(default_factory=set)

    def lines(self) -> str:
        return self.output.read_text()

    def said(self, text: str) -> None:
        """Wait until it said this."""
        until(lambda: text in self.lines() or self.process.poll() is not None, f"{text!r} in\n{self.lines()}")
        assert text in self.lines()

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        admin: bool = False,
    ) -> Answer:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.admin_port if admin else self.port, timeout=PATIENCE
        )
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    def invoke(self, name: str, event: Any = None, **headers: str) -> Answer:
        """Invoke; header names have underscores for dashes."""
        given = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.request(
            "POST", f"/2015-03-31/functions/{name}/invocations", json.dumps(event).encode(), given
        )

    def known(self, name: str) -> bool:
        return self.invoke(name, X_Amz_Invocation_Type="DryRun").status == 204

    def descendants(self) -> set[int]:
        """Every process below it."""
        found: set[int] = set()
        pending = [self.process.pid]
        while pending:
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{pending.pop()}/task").iterdir():
                    children = [int(child) for child in (task / "children").read_text().split()]
                    found.update(children)
                    pending += children
        return found

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def gone(pids: set[int]) -> bool:
    """Whether none of these runs any more; a zombie does not."""
    for pid in pids:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                return False
    return True


@contextlib.contextmanager
def local_mode(
    *paths: Path | str,
    state: Path,
    flags: tuple[str, ...] = (),
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    may_trace: bool = False,
    within: tuple[str, ...] = (),
) -> Iterator[Local]:
    """Start it on free ports and wait until it serves; end it, and see that it left nothing behind.

    Unless it may, it must not have shown a traceback. `within` is a command that runs another as itself.
    """
    output = state.with_name(f"{state.name}.output")
    endpoints = state / "endpoints"
    endpoints.unlink(missing_ok=True)  # of a run that was killed
    command = [
        *within,
        FUNCLET,
        "local",
        *map(str, paths),
        "--port=0",
        "--admin-port=0",
        f"--state={state}",
        *flags,
    ]
    with output.open("w") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(env or {})},
        )
    if process.stdin:
        process.stdin.write(stdin or "")
        process.stdin.close()
    try:
        until(lambda: endpoints.exists() or process.poll() is not None, "it serves")
        assert process.poll() is None, output.read_text()
        until(lambda: endpoints.read_text().count("\n") == 2, "the endpoints are told")
        port, admin_port = (int(url.rpartition(":")[2]) for url in endpoints.read_text().split())
        local = Local(process, port, admin_port, state, output)
        yield local
        left = local.descendants() if process.poll() is None else set()
        if process.poll() is None:
            assert local.stop() == 0, local.lines()
        until(lambda: gone(left), f"all of {left} are gone")
        assert may_trace or "\nTraceback" not in local.lines(), local.lines()
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
