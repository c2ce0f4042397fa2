"""What a supervisor in a pod meets: gateways that prove themselves, and the port that they announce themselves at."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import os
import signal
import threading
import uuid
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from funclet.supervisor.loop import Loop
from support.supervisor import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Self

    from support.supervisor import Answer, Gateway

UID = "6d3f1f0e-93a5-4f4d-9a53-0d1c5a4f2f11"
POD = {
    "FUNCLET_POD_NAME": "hello-abc",
    "FUNCLET_POD_NAMESPACE": "shop",
    "FUNCLET_POD_UID": UID,
    "FUNCLET_POD_IP": "10.1.2.3",
}
CAPABILITY = "ab" * 32


@contextmanager
def loop_in_this_process() -> Iterator[Loop]:
    """Give a supervisor's loop, which takes no part in this process's signals afterwards."""
    loop = Loop()
    try:
        yield loop
    finally:
        signal.set_wakeup_fd(-1)
        loop._epoll.close()
        os.close(loop._woken)


@dataclass(frozen=True)
class GatewayKey:
    """A private key of the gateways."""

    id: str

    @cached_property
    def private(self) -> rsa.RSAPrivateKey:
        """The key itself."""
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def setting(self) -> dict[str, str]:
        """The public half, as the settings name it."""
        numbers = self.private.public_key().public_numbers()
        return {"id": self.id, "n": f"{numbers.n:x}", "e": f"{numbers.e:x}"}

    def sign(self, challenge: str, uid: str = UID) -> str:
        """Sign a challenge for a pod, in base64."""
        message = f"funclet-gateway\n{challenge}\n{uid}".encode()
        return base64.b64encode(self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()


#: made once: a key takes a tenth of a second
KEY, OTHER_KEY = GatewayKey("one"), GatewayKey("two")


def words(gateway: Gateway) -> dict[str, str]:
    """The greeting's words by name."""
    return dict(word.split("=", 1) for word in gateway.greeting[1:])


def prove(gateway: Gateway, key: GatewayKey = KEY, /, *, uid: str = UID, **changes: str) -> Answer:
    """Send a proof; each of its headers may be changed."""
    told = {
        "x_funclet_key": key.id,
        "x_funclet_signature": key.sign(words(gateway)["challenge"], uid),
        "x_funclet_nonce": uuid.uuid4().hex,
        **changes,
    }
    return gateway.request("POST", "/prove", **told)


def supervisor_proof(nonce: str, uid: str = UID) -> str:
    """What the supervisor of a pod answers."""
    return hmac.new(uid.encode(), f"funclet-supervisor\n{nonce}".encode(), hashlib.sha256).hexdigest()


def archive(files: Mapping[str, str]) -> bytes:
    """A code archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return buffer.getvalue()


@dataclass(frozen=True)
class Request:
    """What came."""

    method: str
    path: str
    authorization: str
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


@dataclass
class InternalPort:
    """The gateways' internal port: answers by `answer`, remembers what came."""

    answer: Callable[[Request], tuple[int, bytes]]
    came: list[Request] = field(default_factory=list)
    #: sent with each answer
    headers: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        port = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                request = Request(self.command, self.path, self.headers.get("authorization", ""), body)
                port.came.append(request)
                status, content = port.answer(request)
                self.send_response(status)
                headers = {"content-length": str(len(content)), **port.headers}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = handle_any  # noqa: N815 - the name that http.server calls
            do_POST = handle_any  # noqa: N815 - the same

            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def handle(self) -> None:
                try:
                    super().handle()
                except ConnectionError:
                    self.close_connection = True

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def first(self) -> Request:
        """Wait for the first request."""
        return wait_for(lambda: self.came[0] if self.came else None)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def code(self, content: bytes, folder: str, **changes: Any) -> dict[str, Any]:
        """The setting that names `content`."""
        digest = hashlib.sha256(content).hexdigest()
        told = {"url": f"{self.url}/code/{digest}", "sha256": digest, "capability": CAPABILITY}
        return {**told, "folder": folder, **changes}
