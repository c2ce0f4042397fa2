"""The gateway's guard against web pages, before the administration listener too."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from funclet.gateway.guard import Guard


def guarded(guard: Guard) -> Middleware:
    """A middleware that answers 403 to foreign Host headers and to whatever a browser sends for a page."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        headers = {
            name.lower().encode(): value.encode("utf-8", "surrogateescape")
            for name, value in request.headers.items()
        }
        if refusal := guard.refusal(headers):
            return web.Response(status=refusal.status, body=refusal.body(), headers=dict(refusal.headers()))
        return await handler(request)

    return middleware
