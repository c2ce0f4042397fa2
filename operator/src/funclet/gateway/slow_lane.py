"""aiohttp's own request handler with our manners: errors in the Lambda API's form, and an end of input that is no end.

What a client sent is repeated neither in an answer nor in a log: a broken line may hold its secrets.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import HttpVersion10, HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import BadHttpMessage, LineTooLong
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from typing_extensions import override

from funclet.gateway.front import error_answer
from funclet.gateway.http_front import Answer
from funclet.lambda_api.errors import AwsError, bad_request, head_too_large, service_error

_log = structlog.get_logger(__name__)
#: between the parser's name of a broken rule and the bytes that broke it
_BEFORE_BYTES = ":\n\n"


class SlowRequest(web.BaseRequest):
    """A request and the version of HTTP that it `speaks`, whatever its answer speaks."""

    def __init__(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        payload_writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> None:
        super().__init__(message, payload, protocol, payload_writer, task, asyncio.get_running_loop())
        self.speaks = message.version
        # aiohttp would answer what is no HTTP as HTTP/1.0, and HTTP/2.0 as such.
        if message.should_close:
            self._version = HttpVersion11


class SlowLane(web.RequestHandler):
    """One connection that the fast lane has handed over; it goes on to tell of what happens there."""

    __slots__ = ("_answered", "_ended", "_latest", "_speaks_10")

    def __init__(self, manager: "SlowLanes", loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        super().__init__(manager, loop=loop, **options)
        self._answered = 0
        self._ended = False
        #: the body of the request that came last
        self._latest: StreamReader | None = None
        self._speaks_10 = False

    @property
    def owes(self) -> bool:
        """Whether an answer is still to come."""
        return self._request_count > self._answered

    @property
    def may_interrupt(self) -> bool:
        """Whether interim answers may come now: a call is under way, and HTTP/1.0 knows none."""
        current = self._current_request
        return current is not None and current.content.is_eof() and not self._speaks_10

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._messages:
            return
        message, payload = self._messages[-1]
        if isinstance(message, RawRequestMessage):
            self._latest = payload
            self._speaks_10 = message.version == HttpVersion10
        else:
            # aiohttp tells only the next request of it, and lets the one whose body this is wait for its rest.
            self._break_off()

    def end_input(self) -> bool:
        """Take note that the client sends no more; False: there is nothing that it could still be told."""
        self._ended = True
        self._break_off()
        return self.owes and not self._speaks_10

    def _break_off(self) -> None:
        """Have whoever reads the latest body know that it will not be whole."""
        if self._latest is not None and not self._latest.is_eof():
            self._latest.set_exception(web.RequestPayloadError("the body breaks off"))

    @override
    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self._answered += 1
            if self._ended and not self.owes:
                self.close()

    @override
    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is on its way")
        response = response_of(error_answer(_error_of(exc)))
        response.force_close()
        return response

    @override
    def log_exception(self, *args: Any, **kw: Any) -> None:
        fault = kw.get("exc_info")
        # These are the client's, and quote it.
        if not isinstance(fault, BadHttpMessage | web.RequestPayloadError):
            _log.error("a connection failed", exc_info=fault)


class SlowLanes(web.Server):
    """Makes the handlers; `options` are RequestHandler's."""

    def __init__(
        self,
        handler: Callable[[Any], Awaitable[web.StreamResponse]],
        request_factory: Callable[..., web.BaseRequest] = SlowRequest,
        **options: Any,
    ) -> None:
        super().__init__(handler, request_factory=request_factory, handler_cancellation=True)
        self._options = options

    @override
    def __call__(self) -> SlowLane:
        return SlowLane(self, self._loop, access_log=None, **self._options)


def response_of(answer: Answer) -> web.Response:
    """Return an answer as aiohttp sends it."""
    headers = [("Server", "funclet"), *answer.headers]
    return web.Response(status=answer.status, headers=headers, body=answer.body or None)


def _error_of(fault: BaseException | None) -> AwsError:
    """Name the rule that was broken, without the bytes that broke it."""
    if isinstance(fault, LineTooLong):
        return head_too_large()
    if not isinstance(fault, BadHttpMessage):
        return service_error("The gateway failed; see its log.")
    rule, quoted, _ = fault.message.partition(_BEFORE_BYTES)
    return bad_request(f"This is not HTTP/1.1: {rule}." if quoted else "This is not HTTP/1.1.")
