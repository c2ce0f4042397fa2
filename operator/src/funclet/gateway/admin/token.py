"""Who may use the administration listener: the bearer of its token."""

import hmac
from collections.abc import Container

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from funclet.gateway.admin.status import failure


def is_bearer(authorization: str | None, token: str) -> bool:
    """Whether the Authorization header carries the token; takes as long for a wrong one as for a right one."""
    scheme, _, told = (authorization or "").partition(" ")
    right = hmac.compare_digest(told.strip().encode("utf-8", "surrogateescape"), token.encode())
    return right and scheme.lower() == "bearer"


def require_token(token: str, *, open_paths: Container[str]) -> Middleware:
    """A middleware that answers 401, as metav1.Status, to all but the bearer and the open paths.

    It also stands before paths that do not exist, so that nobody else learns which do. Raises ValueError
    for an empty token: it would let everybody in.
    """
    if not token:
        raise ValueError("the administration listener needs a token")

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.getall("Authorization", [])
        if request.path in open_paths or (len(given) == 1 and is_bearer(given[0], token)):
            return await handler(request)
        told = failure(401, "the administration API needs its bearer token")
        return web.json_response(told, status=401, headers={"WWW-Authenticate": 'Bearer realm="funclet"'})

    return middleware
