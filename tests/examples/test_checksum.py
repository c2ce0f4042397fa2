"""The bootstrap against a Runtime API made of Python's own HTTP server."""

import hashlib
import json
import os
import queue
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from support.examples import EXAMPLES, manifest

BASH = Path("/bin/bash")
TOOLS = ("cat", "head", "sha256sum")
STORY = json.dumps({"text": (EXAMPLES / "alice.txt").read_text(encoding="utf-8")})

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not BASH.exists(), reason="the example is written for /bin/bash, which is not here"),
]


@dataclass
class RuntimeApi:
    """What the bootstrap asked for and answered."""

    events: "queue.Queue[bytes]" = field(default_factory=queue.Queue)
    posts: "queue.Queue[tuple[str, bytes]]" = field(default_factory=queue.Queue)


@contextmanager
def runtime_api(api: RuntimeApi) -> Iterator[str]:
    """Serve on loopback; gives host:port."""

    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            event = api.events.get()
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", "id-1")
            self.send_header("Content-Length", str(len(event)))
            self.end_headers()
            self.wfile.write(event)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()
            api.posts.put((self.path, body))

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Requests) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


@contextmanager
def bootstrap(folder: Path, address: str, *, path: str, handler: str) -> Iterator[None]:
    """Run the example's bootstrap until leaving."""
    file = folder / "bootstrap"
    file.write_text(
        manifest("checksum.yaml", "checksum")["spec"]["code"]["inline"]["bootstrap"], encoding="utf-8"
    )
    file.chmod(0o755)
    environment = {"PATH": path, "AWS_LAMBDA_RUNTIME_API": address, "_HANDLER": handler}
    process = subprocess.Popen([str(file)], env=environment, cwd=folder, start_new_session=True)
    try:
        yield
        assert process.poll() is None, "the bootstrap ended by itself"
    finally:
        os.killpg(process.pid, 9)
        process.wait()


@pytest.fixture(params=["curl", "bash alone"])
def search_path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """PATH with the few tools that the script needs, and curl or not."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in (*TOOLS, "curl") if request.param == "curl" else TOOLS:
        found = shutil.which(tool)
        if found is None:
            pytest.skip(f"{tool} is not installed")
        (folder / tool).symlink_to(found)
    return str(folder)


def test_each_event_is_answered_with_its_checksum(tmp_path: Path, search_path: str) -> None:
    api = RuntimeApi()
    events = [
        STORY.encode(),
        b'{"line": "ends"}\n\n',
        '{"é": "ü"}'.encode(),
        b"{}",
        b'"' + b"x" * 2_000_000 + b'"',
    ]
    with runtime_api(api) as address, bootstrap(tmp_path, address, path=search_path, handler="sha256"):
        for event in events:
            api.events.put(event)
            path, answer = api.posts.get(timeout=30)
            assert path == "/2018-06-01/runtime/invocation/id-1/response"
            assert json.loads(answer) == {"sha256": hashlib.sha256(event).hexdigest(), "bytes": len(event)}


def test_a_handler_that_fails_is_told_and_the_next_event_is_taken(tmp_path: Path, search_path: str) -> None:
    api = RuntimeApi()
    with (
        runtime_api(api) as address,
        bootstrap(tmp_path, address, path=search_path, handler="no_such_function"),
    ):
        for _ in range(2):
            api.events.put(b"{}")
            path, answer = api.posts.get(timeout=30)
            assert path == "/2018-06-01/runtime/invocation/id-1/error"
            assert json.loads(answer)["errorType"] == "HandlerFailed"
