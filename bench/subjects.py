"""What is measured: processes that are started for it, and ended after it."""

import contextlib
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from funclet import supervisor

BENCH = Path(__file__).parent
PYTHON = getattr(sys, "_base_executable", sys.executable)
_SUPERVISOR = supervisor.__path__[0]
_CLIENT = f"{_SUPERVISOR}/clients/python.py"
_WAIT_SECONDS = 30.0
_TICKS = os.sysconf("SC_CLK_TCK")
_HELLO = 'def handler(event, context):\n    return {"hello": "you"}\n'
_MANIFEST = """\
apiVersion: funclet.dev/v1alpha1
kind: Function
metadata: {{name: {name}}}
spec:
  runtime: python
  handler: app.handler
  timeout: 30s
  code:
    inline:
      app.py: |
        def handler(event, context):
            return {{"hello": "you"}}
"""


@dataclass(frozen=True, slots=True)
class Server:
    """Something that listens; `pid` is the root of its processes."""

    address: tuple[str, int] | str
    pid: int

    @property
    def port(self) -> int:
        """The TCP port."""
        return int(self.address[1])

    def cpu_seconds(self) -> float:
        """What it and all its living descendants have used."""
        return sum(map(_cpu_seconds, _tree(self.pid)))


def invoke_request(name: str, port: int, body: bytes = b"{}") -> bytes:
    """An Invoke as it stands on the wire."""
    return (
        f"POST /2015-03-31/functions/{name}/invocations HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def always(request: bytes) -> Callable[[int], bytes]:
    """The same request whatever its number."""
    return lambda _: request


@contextlib.contextmanager
def plain_server() -> Iterator[Server]:
    """The plain asyncio server."""
    with subprocess.Popen([PYTHON, str(BENCH / "plain.py")], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Server(("127.0.0.1", int(process.stdout.readline())), process.pid)
        finally:
            process.terminate()


@contextlib.contextmanager
def local_mode(functions: int = 1) -> Iterator[Server]:
    """`funclet local` with so many functions: hello0, hello1, ..."""
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "functions.yaml"
        manifest.write_text("---\n".join(_MANIFEST.format(name=f"hello{n}") for n in range(functions)))
        port, admin = _free_ports()
        command = [str(Path(sys.executable).with_name("funclet")), "local", str(manifest), "--no-watch"]
        command += ["--port", str(port), "--admin-port", str(admin), "--state", f"{folder}/state"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                _wait_ready(f"http://127.0.0.1:{admin}/readyz", process)
                yield Server(("127.0.0.1", port), process.pid)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(_WAIT_SECONDS)


@contextlib.contextmanager
def bare_supervisor() -> Iterator[Server]:
    """A supervisor with Funclet's Python client, and nothing before it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "app.py").write_text(_HELLO)
        path = f"{folder}/s"
        settings = {
            "revision": "hello-1", "listen": f"unix:{path}",
            "command": [PYTHON, "-s", _CLIENT, "app.handler"],
            "environment": {"PATH": os.defpath, "_HANDLER": "app.handler", "LAMBDA_TASK_ROOT": folder,
                            "AWS_LAMBDA_FUNCTION_NAME": "hello", "AWS_LAMBDA_FUNCTION_VERSION": "1",
                            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "AWS_LAMBDA_LOG_GROUP_NAME": "g",
                            "AWS_LAMBDA_LOG_STREAM_NAME": "s"},
            "working_directory": folder, "function_name": "hello", "version": "1", "handler": "app.handler",
            "runtime": {"name": "python", "digest": "local"}, "memory_mb": 128, "timeout_ms": 30000,
            "quiet_ms": 0, "parent_death": True,
        }  # fmt: skip
        command = [PYTHON, "-I", "-S", _SUPERVISOR, "--settings", "-"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
            assert process.stdin is not None
            process.stdin.write(json.dumps(settings).encode())
            process.stdin.close()
            try:
                _wait(lambda: Path(path).exists())
                yield Server(path, process.pid)
            finally:
                process.terminate()
                process.wait(_WAIT_SECONDS)


def supervisor_request(number: int) -> bytes:
    """An invocation as a gateway sends it."""
    return (
        "POST /invoke HTTP/1.1\r\ncontent-length: 2\r\ncontent-type: application/json\r\n"
        f"x-funclet-revision: hello-1\r\nx-funclet-token: {secrets.token_hex(16)}\r\n"
        f"lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-{number:012x}\r\n"
        "lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:123456789012:function:hello\r\n\r\n{}"
    ).encode()


def plain_start() -> float:
    """Milliseconds from nothing to the first line of a Python process."""
    begin = time.perf_counter()
    with subprocess.Popen(
        [PYTHON, "-I", "-S", "-c", "print(1, flush=True)"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        return 1000 * (time.perf_counter() - begin)


def first_invocation(server: Server, name: str) -> float:
    """Milliseconds of one invocation on a connection of its own."""
    with socket.create_connection(("127.0.0.1", server.port), _WAIT_SECONDS) as connection:
        begin = time.perf_counter()
        connection.sendall(invoke_request(name, server.port))
        answer = connection.recv(1 << 16)
        took = 1000 * (time.perf_counter() - begin)
    if not answer.startswith(b"HTTP/1.1 200") or b"x-amz-function-error" in answer.lower():
        raise RuntimeError(answer.decode(errors="replace"))
    return took


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        return one.getsockname()[1], two.getsockname()[1]


def _wait_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    def ready() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"funclet local ended with {process.returncode}")
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310  # loopback
            return bool(answer.status == 200)  # HTTP's OK
        return False

    _wait(ready)


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the server did not come up")
        time.sleep(0.01)


def _tree(pid: int) -> list[int]:
    found, pending = [], [pid]
    while pending:
        found.append(pending.pop())
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{found[-1]}/task").iterdir():
                pending += map(int, (task / "children").read_text().split())
    return found


def _cpu_seconds(pid: int) -> float:
    with contextlib.suppress(OSError):
        fields = re.split(r"\) ", Path(f"/proc/{pid}/stat").read_text(), maxsplit=1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS
    return 0.0
