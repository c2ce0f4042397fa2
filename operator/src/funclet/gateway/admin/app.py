"""The application of the administration listener; whoever starts it gives it a socket."""

import asyncio
from collections.abc import Callable, Iterable

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from funclet.gateway.admin.status import told_as_status
from funclet.gateway.admin.token import require_token

#: set when the listener shuts down, so that answers without end come to one
CLOSING = web.AppKey("CLOSING", asyncio.Event)

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})

Readiness = Callable[[], Iterable[str]]
"""What is not ready yet, each in a few words; nothing when all is."""


def admin_application(
    *,
    registry: CollectorRegistry,
    waits_for: Readiness,
    token: str,
    routes: Iterable[web.AbstractRouteDef] = (),
) -> web.Application:
    """An application that answers `/healthz`, `/readyz` and `/metrics` to everybody and all else for the token.

    Raises ValueError for an empty token.
    """
    app = web.Application(middlewares=[require_token(token, open_paths=OPEN_PATHS), told_as_status])
    app[CLOSING] = asyncio.Event()
    app.on_shutdown.append(_close)
    app.add_routes(
        [
            web.get("/healthz", _health),
            web.get("/readyz", _readiness(waits_for)),
            web.get("/metrics", _metrics(registry)),
            *routes,
        ]
    )
    return app


async def _close(app: web.Application) -> None:
    app[CLOSING].set()


async def _health(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def _readiness(waits_for: Readiness) -> Handler:
    async def ready(_request: web.Request) -> web.Response:
        missing = list(waits_for())
        if not missing:
            return web.Response(text="ok\n")
        return web.Response(status=503, text="".join(f"waiting for {what}\n" for what in missing))

    return ready


def _metrics(registry: CollectorRegistry) -> Handler:
    async def metrics(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    return metrics
