"""Errors of handlers as answers: whatever is raised, the caller gets a metav1.Status."""

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from funclet.gateway.admin.status import failure
from funclet.kube.port import KubeError
from funclet.local.rest.status import of_error

_log = structlog.get_logger(__name__)


def told(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Handler:
    """The handler, its errors answered as Status objects."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except KubeError as error:
            return web.json_response(of_error(error), status=error.status)
        except web.HTTPException:
            raise
        except Exception:  # noqa: BLE001  # the last line of defence: told, and logged with its trace
            _log.exception("request_failed", method=request.method, path=request.path)
            message = "something went wrong inside; the log of the process that serves this says what"
            return web.json_response(failure(500, message), status=500)

    return handle
