"""The store: gives the archives of a folder to everybody at /, and those of a bucket to who signs with the key it knows."""

from __future__ import annotations

import re
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PORT, FOLDER, BUCKET, KEY = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]


class Handler(BaseHTTPRequestHandler):
    """Whether a signature is right is tested elsewhere; here, that there is one, in the name of the key."""

    def do_GET(self) -> None:
        """As named by http.server."""
        asked = urlsplit(self.path)
        folder, _, name = asked.path.rpartition("/")
        if folder and not (folder == f"/{BUCKET}" and signed(parse_qs(asked.query))):
            self.send_error(HTTPStatus.FORBIDDEN)
            return
        content = (FOLDER / name).read_bytes()
        self.send_response(HTTPStatus.OK)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def signed(query: dict[str, list[str]]) -> bool:
    """Whether a query has the key's name and a signature."""
    [credential], [signature] = query.get("X-Amz-Credential", [""]), query.get("X-Amz-Signature", [""])
    return credential.split("/")[0] == KEY and re.fullmatch(r"[0-9a-f]{64}", signature) is not None


ThreadingHTTPServer(("", PORT), Handler).serve_forever()
