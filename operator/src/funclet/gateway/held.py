"""The body of one request while it is held, counted from the first byte that came."""

import asyncio

from aiohttp import web

from funclet.gateway.admission import Admission
from funclet.lambda_api.errors import AwsError, request_timeout, throttled
from funclet.lambda_api.invoke import REQUEST_LIMIT, too_large

#: told where a listener holds as much as it may
NO_ROOM = throttled("ConcurrentInvocationLimitExceeded")


class Held:
    """One request that was admitted; `leave` ends it."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._size = 0

    async def read(self, request: web.BaseRequest) -> bytes | AwsError:
        """Read a body within its bounds of size and time, and the listener's of memory.

        Raises web.RequestPayloadError or ValueError where it breaks off or is not well-formed.
        """
        limits = self._admission.limits
        chunks: list[bytes] = []
        try:
            async with asyncio.timeout(limits.request):
                while not request.content.at_eof():
                    async with asyncio.timeout(limits.body_idle):
                        chunk = await request.content.readany()
                    if self._size + len(chunk) > REQUEST_LIMIT:
                        return too_large()
                    if not self._admission.hold(len(chunk)):
                        return NO_ROOM
                    self._size += len(chunk)
                    chunks.append(chunk)
        except TimeoutError:
            return request_timeout("The body did not come in time.")
        return b"".join(chunks)

    def leave(self) -> None:
        """Hold nothing any more."""
        self._admission.leave(self._size)
