"""Where pods, and other gateways, get archives."""

import re

import structlog
from aiohttp import web

from funclet.gateway.code.archives import FORWARDED, ArchiveError, Archives, Wanted
from funclet.plan.capability import code_capability, is_capability

_log = structlog.get_logger(__name__)
#: what may become a path on the disk: a namespace's name, and a hash
_NAMESPACE, _SHA256 = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"), re.compile(r"[0-9a-f]{64}")


class CodeDoor:
    """Hands out archives to the bearers of their capabilities."""

    def __init__(self, archives: Archives, key: bytes) -> None:
        self._archives = archives
        self._key = key

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer with the archive; 401 to a wrong capability, 404 with a sentence where it cannot be had."""
        wanted = Wanted(request.match_info["namespace"], request.match_info["sha256"])
        scheme, _, told = request.headers.get("authorization", "").partition(" ")
        named = _NAMESPACE.fullmatch(wanted.namespace) and _SHA256.fullmatch(wanted.sha256)
        if not named or scheme.lower() != "bearer":
            return web.Response(status=401)
        if not is_capability(told, code_capability(self._key, *wanted)):
            return web.Response(status=401)
        try:
            path = await self._archives.find(wanted, forwarded=FORWARDED in request.headers)
        except ArchiveError as error:
            _log.warning("code cannot be had", **wanted._asdict(), error=str(error))
            return web.Response(status=404, text=f"{error}\n")
        return web.FileResponse(path, headers={"content-type": "application/zip"})
