"""Where pods, and other gateways, get archives."""

import re

import structlog
from aiohttp import web

from funclet.gateway.code.archives import FORWARDED, ArchiveError, Archives
from funclet.plan.capability import code_capability, is_capability

_log = structlog.get_logger(__name__)
_SHA256 = re.compile(r"[0-9a-f]{64}")


class CodeDoor:
    """Hands out archives to the bearers of their capabilities."""

    def __init__(self, archives: Archives, key: bytes) -> None:
        self._archives = archives
        self._key = key

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer with the archive; 401 to a wrong capability, 404 with a sentence where it cannot be had."""
        sha256 = request.match_info["sha256"]
        scheme, _, told = request.headers.get("authorization", "").partition(" ")
        if _SHA256.fullmatch(sha256) is None or scheme.lower() != "bearer":
            return web.Response(status=401)
        if not is_capability(told, code_capability(self._key, sha256)):
            return web.Response(status=401)
        try:
            path = await self._archives.find(sha256, forwarded=FORWARDED in request.headers)
        except ArchiveError as error:
            _log.warning("code cannot be had", sha256=sha256, error=str(error))
            return web.Response(status=404, text=f"{error}\n")
        return web.FileResponse(path, headers={"content-type": "application/zip"})
