"""Ways into an API server: its address, whom to trust, and who asks."""

from __future__ import annotations

import contextlib
import json
import ssl
from base64 import b64encode
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.pki import Pair


@dataclass(frozen=True)
class Access:
    """An API server (`https://ADDRESS:PORT`), its authority's certificate, and a client's certificate and key."""

    server: str
    authority: Path
    client: Pair

    def write_kubeconfig(self, path: Path, *, name: str = "funclet-test") -> Path:
        """A kubeconfig with everything inline, so that it can be moved; readable by its owner alone."""
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [
                {
                    "name": name,
                    "cluster": {"server": self.server, "certificate-authority-data": _base64(self.authority)},
                }
            ],
            "users": [
                {
                    "name": name,
                    "user": {
                        "client-certificate-data": _base64(self.client.certificate),
                        "client-key-data": _base64(self.client.key),
                    },
                }
            ],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        }
        path.touch(mode=0o600)
        # JSON is YAML too.
        path.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
        return path

    def answers(self, path: str) -> bool:
        """Whether a GET is answered with 200 within a second."""
        context = ssl.create_default_context(cafile=str(self.authority))
        context.load_cert_chain(self.client.certificate, self.client.key)
        where = urlsplit(self.server)
        connection = HTTPSConnection(where.hostname or "", where.port, timeout=1, context=context)
        with contextlib.closing(connection):
            try:
                connection.request("GET", path)
                return connection.getresponse().status == HTTPStatus.OK
            except (OSError, HTTPException):
                return False


def _base64(path: Path) -> str:
    return b64encode(path.read_bytes()).decode()
