"""The application of the administration listener; whoever starts it gives it a socket."""

import asyncio
from collections.abc import Iterable

from aiohttp import web
from prometheus_client import CollectorRegistry

from funclet.gateway.admin.status import told_as_status
from funclet.gateway.admin.token import require_token
from funclet.process.health import PATHS, Readiness, health_routes

#: set when the listener shuts down, so that answers without end come to one
CLOSING = web.AppKey("CLOSING", asyncio.Event)


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
    app = web.Application(middlewares=[require_token(token, open_paths=PATHS), told_as_status])
    app[CLOSING] = asyncio.Event()
    app.on_shutdown.append(_close)
    app.add_routes(
        [
            *health_routes(registry, waits_for),
            *routes,
        ]
    )
    return app


async def _close(app: web.Application) -> None:
    app[CLOSING].set()
