"""Health, readiness and metrics, as every process answers them."""

from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

PATHS = frozenset({"/healthz", "/readyz", "/metrics"})

#: what is not ready yet, each in a few words; nothing when all is
Readiness = Callable[[], Iterable[str]]


#: which watches are dead, so that only a new start helps
Dead = Callable[[], Awaitable[Iterable[str]]]


async def _none() -> Iterable[str]:
    return ()


def health_routes(
    registry: CollectorRegistry, waits_for: Readiness, dead: Dead = _none
) -> list[web.RouteDef]:
    """Routes for `PATHS`."""
    return [
        web.get("/healthz", _health(dead)),
        web.get("/readyz", _readiness(waits_for)),
        web.get("/metrics", _metrics(registry)),
    ]


def health_application(
    registry: CollectorRegistry, waits_for: Readiness, dead: Dead = _none
) -> web.Application:
    """Make an application that has these routes alone."""
    app = web.Application()
    app.add_routes(health_routes(registry, waits_for, dead))
    return app


def _health(dead: Dead) -> Handler:
    async def health(_request: web.Request) -> web.Response:
        watches = list(await dead())
        if not watches:
            return web.Response(text="ok\n")
        return web.Response(
            status=503, text="".join(f"no word from the watch of {each}\n" for each in watches)
        )

    return health


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
