"""Code archives, uploaded under their SHA-256."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from funclet.local.rest.errors import told
from funclet.local.rest.patch import is_sha256
from funclet.local.rest.status import BadRequestError, TooLargeError, UnsupportedMediaTypeError
from funclet.store.blobs import BlobMismatchError, Blobs

#: bytes; as much as Lambda takes by way of S3
MAX_BLOB = 250 * 1024 * 1024
#: seconds for a whole archive
_UPLOAD_SECONDS = 600.0
_PATH = "/blobs/{sha256}"


def blob_routes(blobs: Blobs) -> list[web.RouteDef]:
    """`PUT /blobs/SHA256` keeps an archive (201, or 200 if it was there); `HEAD` asks for it (200 or 404)."""

    async def put(request: web.Request) -> web.Response:
        sha256 = _sha256(request)
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise UnsupportedMediaTypeError("compressed bodies are not taken here")
        if await blobs.has(sha256):
            return web.json_response({"sha256": sha256})
        try:
            async with asyncio.timeout(_UPLOAD_SECONDS):
                await blobs.store(_bounded(request), sha256=sha256)
        except BlobMismatchError as error:
            raise BadRequestError(str(error)) from error
        except TimeoutError as error:
            raise BadRequestError(
                f"the archive did not arrive within {_UPLOAD_SECONDS:.0f} seconds"
            ) from error
        return web.json_response({"sha256": sha256}, status=201)

    async def head(request: web.Request) -> web.Response:
        return web.Response(status=200 if await blobs.has(_sha256(request)) else 404)

    return [web.put(_PATH, told(put)), web.head(_PATH, told(head))]


def _sha256(request: web.Request) -> str:
    sha256 = request.match_info["sha256"]
    if not is_sha256(sha256):
        raise BadRequestError("the name of a blob is its SHA-256: 64 lower-case hexadecimal digits")
    return sha256


async def _bounded(request: web.Request) -> AsyncIterator[bytes]:
    too_large = TooLargeError(f"an archive may have at most {MAX_BLOB} bytes")
    if (request.content_length or 0) > MAX_BLOB:
        raise too_large
    size = 0
    async for chunk in request.content.iter_chunked(1 << 20):
        size += len(chunk)
        if size > MAX_BLOB:
            raise too_large
        yield chunk
