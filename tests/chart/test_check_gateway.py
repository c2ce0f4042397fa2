"""`helm test` asks a gateway for its health, and calls a function only if one is named."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from typing_extensions import override

from support.chart import CHART, render

pytestmark = pytest.mark.processes


class Answering(BaseHTTPRequestHandler):
    """Healthy; a call is answered with the status of its path."""

    calls: list[str]

    def do_GET(self) -> None:
        self._answer(200)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._answer(int(self.path.removeprefix("/")))

    def _answer(self, status: int) -> None:
        self.calls.append(f"{self.command} {self.path}")
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def gateway() -> Iterator[tuple[str, list[str]]]:
    """A server on loopback, and what it was asked."""
    calls: list[str] = []
    handler = type("Handler", (Answering,), {"calls": calls})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", calls
        finally:
            server.shutdown()
            thread.join()


def checked(*arguments: str) -> subprocess.CompletedProcess[str]:
    (container,) = render().one("Pod", "funclet-test")["spec"]["containers"]
    program, *options = container["command"][:3]
    assert program == "python3"
    return subprocess.run(
        [sys.executable, *options, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_it_asks_for_health_and_calls_nothing() -> None:
    with gateway() as (url, calls):
        done = checked(f"{url}/healthz")
    assert (done.returncode, done.stderr) == (0, "")
    assert calls == ["GET /healthz"]


@pytest.mark.parametrize(("status", "code"), [(200, 0), (404, 1)])
def test_it_calls_a_function_that_is_named_and_tells_how_it_ended(status: int, code: int) -> None:
    with gateway() as (url, calls):
        done = checked(f"{url}/healthz", f"{url}/{status}")
    assert done.returncode == code
    assert f"/{status}: {status}" in done.stdout
    assert calls[-1] == f"POST /{status}"


def test_the_pod_is_told_the_addresses_of_services_that_there_are() -> None:
    rendered = render({"tests": {"invoke": "greet"}})
    (container,) = rendered.one("Pod", "funclet-test")["spec"]["containers"]
    health, call = container["command"][3:]
    assert health == "http://funclet-gateway-metrics.funclet-system.svc:8701/healthz"
    assert call == "http://funclet-gateway.funclet-system.svc:8700/2015-03-31/functions/greet/invocations"
    assert rendered.one("Service", "funclet-gateway-metrics")
    assert len(render().one("Pod", "funclet-test")["spec"]["containers"][0]["command"]) == 4


def test_the_pod_is_a_test_of_helm_s_and_goes_when_it_is_done() -> None:
    annotations = render().one("Pod", "funclet-test")["metadata"]["annotations"]
    assert annotations["helm.sh/hook"] == "test"
    assert "hook-succeeded" in annotations["helm.sh/hook-delete-policy"]


def test_the_program_is_the_file_of_the_chart() -> None:
    (container,) = render().one("Pod", "funclet-test")["spec"]["containers"]
    assert container["command"][2].strip() == (CHART / "files" / "check_gateway.py").read_text().strip()
