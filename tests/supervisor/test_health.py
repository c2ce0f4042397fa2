"""The port for the kubelet: plain HTTP, one question, and nobody keeps it busy."""

from __future__ import annotations

import contextlib
import http.client
import socket
from typing import TYPE_CHECKING

import pytest

from funclet.supervisor.health import CONNECTION_LIMIT, HealthServer
from funclet.supervisor.listener import loopback
from support.pod import loop_in_this_process
from support.supervisor import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from funclet.supervisor.loop import Loop
    from supervisor.conftest import Functions

ECHO = "def handler(event, context): return event"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def ask(port: int, path: str = "/ready", method: str = "GET") -> int | None:
    """The status, None while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        return connection.getresponse().status
    except ConnectionRefusedError:
        return None
    finally:
        connection.close()


@pytest.mark.processes
def test_ready_is_what_the_runtime_is(functions: Functions) -> None:
    port = free_port()
    code = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.005)\n" + ECHO
    supervisor = functions.python(code, health=f"tcp:127.0.0.1:{port}")
    assert wait_for(lambda: ask(port)) == 503
    (supervisor.folder / "go").touch()
    wait_for(lambda: ask(port) == 200)
    assert [ask(port, "/"), ask(port, "/invoke", "POST"), ask(port, "/ready", "POST")] == [404, 404, 404]


@pytest.mark.processes
def test_a_retired_instance_is_not_ready_for_the_kubelet(functions: Functions) -> None:
    port = free_port()
    supervisor = functions.python(ECHO, health=f"tcp:127.0.0.1:{port}")
    wait_for(lambda: ask(port) == 200)
    with supervisor.gateway() as gateway:
        assert gateway.request("POST", "/retire").status == 204
    assert ask(port) == 503


@pytest.mark.processes
def test_a_draining_instance_is_not_ready_and_still_tells(functions: Functions) -> None:
    port = free_port()
    supervisor = functions.python(ECHO, health=f"tcp:127.0.0.1:{port}", quiet_ms=10_000)
    wait_for(lambda: ask(port) == 200)
    supervisor.terminate()
    wait_for(lambda: ask(port) == 503)
    supervisor.process.kill()


@pytest.mark.processes
def test_an_instance_whose_init_failed_is_not_ready(functions: Functions) -> None:
    port = free_port()
    supervisor = functions.python("import nowhere", health=f"tcp:127.0.0.1:{port}")
    wait_for(lambda: supervisor.lines("INIT_REPORT"))
    assert wait_for(lambda: ask(port)) == 503


class Asked:
    """A health server and its loop, driven step by step."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.server = HealthServer(self.loop, loopback(), lambda: True)

    def dial(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.server.port), 5)

    def run(self, seconds: float = 0.05) -> None:
        self.loop.call_later(seconds, lambda: self.loop.stop(0))
        self.loop.run()
        self.loop._exit_status = None


@pytest.fixture
def asked() -> Iterator[Asked]:
    with loop_in_this_process() as loop:
        made = Asked(loop)
        yield made
        for connection in list(made.server._connections):
            connection.close()
        made.server._listener.close()


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"GET /ready HTTP/1.1\r\n\r\n", b"200"),
        (b"GET /ready HTTP/1.0\r\n\r\nGET /ready HTTP/1.0\r\n\r\n", b"200"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"x" * 5000, b"400"),
    ],
)
def test_each_connection_gets_one_answer(asked: Asked, said: bytes, status: bytes) -> None:
    with asked.dial() as sock:
        sock.sendall(said)
        asked.run()
        assert sock.recv(1000).split(b" ")[1] == status
        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(1000) == b""


def test_more_connections_than_the_cap_are_closed(asked: Asked) -> None:
    silent = [asked.dial() for _ in range(CONNECTION_LIMIT)]
    asked.run()
    with asked.dial() as sock:
        asked.run()
        assert sock.recv(10) == b""
    for sock in silent:
        sock.close()


def test_a_silent_connection_is_closed_in_time(asked: Asked) -> None:
    with asked.dial() as sock:
        asked.run()
        for connection in asked.server._connections:
            connection.since -= 6
        asked.server._sweep()
        assert sock.recv(10) == b""
        assert not asked.server._connections
