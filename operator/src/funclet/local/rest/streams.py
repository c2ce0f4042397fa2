"""Answers without end: they stop when the caller goes, its time is over, or the listener shuts down."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from aiohttp import web

from funclet.gateway.admin.app import CLOSING

#: seconds between two looks at whether the caller is still there
_LOOK = 1.0


async def stream(
    request: web.Request, chunks: AsyncIterator[str], *, content_type: str, seconds: float | None = None
) -> web.StreamResponse:
    """Answer with the chunks as they come; `seconds` ends it early. The iterator is closed in any case."""
    response = web.StreamResponse(headers={"Content-Type": content_type, "Cache-Control": "no-store"})
    closing: asyncio.Future[Any] = asyncio.ensure_future(request.app[CLOSING].wait())
    deadline = None if seconds is None else asyncio.get_running_loop().time() + seconds
    try:
        await response.prepare(request)
        async for chunk in _until(chunks, request, closing, deadline):
            await response.write(chunk.encode("utf-8", "replace"))
        await response.write_eof()
    except ConnectionError:
        pass  # the caller is gone, and with it whom to tell
    finally:
        closing.cancel()
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()
    return response


async def _until(
    chunks: AsyncIterator[str],
    request: web.Request,
    closing: asyncio.Future[Any],
    deadline: float | None,
) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    coming: asyncio.Future[Any] | None = None
    try:
        while request.transport is not None and (deadline is None or loop.time() < deadline):
            coming = coming or asyncio.ensure_future(anext(chunks))
            wait = _LOOK if deadline is None else max(0.0, min(_LOOK, deadline - loop.time()))
            await asyncio.wait({coming, closing}, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            if coming.done():
                try:
                    yield coming.result()
                except StopAsyncIteration:
                    return
                coming = None
            elif closing.done():
                return
    finally:
        if coming is not None:
            coming.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                await coming
