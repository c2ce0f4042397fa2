"""The Lambda API on aiohttp's own request handler: whatever the fast lane does not understand."""

import asyncio

import structlog
from aiohttp import HttpVersion10, HttpVersion11, web

from funclet.gateway.admission import Admission
from funclet.gateway.front import LambdaFront, error_answer
from funclet.gateway.held import NO_ROOM, Held
from funclet.gateway.http_front import Answer, Begin
from funclet.gateway.settings import ListenerLimits
from funclet.gateway.slow_lane import SlowLanes, SlowRequest, response_of
from funclet.lambda_api.errors import AwsError, bad_request, service_error, unknown_operation
from funclet.lambda_api.invoke import REQUEST_LIMIT, too_large

_log = structlog.get_logger(__name__)
#: seconds; how long what a refused client still sends is read off
_LINGER = 2.0


class _MalformedError(Exception):
    """HTTP that breaks its own rules: the connection is closed after the answer."""


def lambda_server(front: LambdaFront, admission: Admission, limits: ListenerLimits) -> SlowLanes:
    """Return the server whose request handlers take over connections from the fast lane."""
    return SlowLanes(
        _Handler(front, admission),
        auto_decompress=False,
        # Without it aiohttp would wait for half a head for ever.
        keepalive_timeout=limits.header,
        lingering_time=_LINGER,
        max_headers=limits.head_lines,
    )


class _Handler:
    """One request: guard, route on the raw path, read the body within its bounds, answer."""

    def __init__(self, front: LambdaFront, admission: Admission) -> None:
        self._front = front
        self._admission = admission

    async def __call__(self, request: SlowRequest) -> web.StreamResponse:
        close = self._admission.last_answers
        try:
            answer = await self._answer(request)
        except _MalformedError as error:
            answer, close = error_answer(bad_request(str(error))), True
        except Exception:  # noqa: BLE001 - whatever it was, a caller gets no trace of it
            _log.exception("request failed")
            answer = error_answer(service_error("The gateway failed; see its log."))
        response = response_of(answer)
        if close:
            response.force_close()
        return response

    async def _answer(self, request: SlowRequest) -> Answer:
        # The path as it came: decoded ones let `..%2f` climb.
        target = request.raw_path.encode("utf-8", "surrogateescape")
        headers = {name.lower(): value for name, value in request.raw_headers}
        if request.speaks not in {HttpVersion10, HttpVersion11}:
            raise _MalformedError("The version of HTTP must be 1.0 or 1.1.")
        if any(coding.lower() != "chunked" for coding in request.headers.getall("Transfer-Encoding", ())):
            # aiohttp would undo the last coding, and take what the others made of the event for the event.
            raise _MalformedError("Transfer-Encoding must be chunked alone.")
        if not target.startswith(b"/"):
            raise _MalformedError("The request target must be a path.")
        if request.method != "POST":
            return error_answer(self._front.guard.refusal(headers) or unknown_operation())
        asked = self._front.head(target, headers)
        if asked is None:
            return error_answer(unknown_operation())
        return asked if isinstance(asked, Answer) else await self._invoke(request, asked)

    async def _invoke(self, request: web.BaseRequest, begin: Begin) -> Answer:
        length = request.content_length
        if length is not None and length > REQUEST_LIMIT:
            return error_answer(too_large())
        if self._admission.closing:
            return self._front.closing()
        if not self._admission.enter():
            return error_answer(NO_ROOM)
        held = Held(self._admission)
        try:
            body = await held.read(request)
            if isinstance(body, AwsError):
                return error_answer(body)
            return await self._call(begin, body)
        except (web.RequestPayloadError, ValueError) as error:
            raise _MalformedError("The body breaks off or is not well-formed.") from error
        finally:
            held.leave()

    async def _call(self, begin: Begin, body: bytes) -> Answer:
        over: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        call = begin(body, lambda answer: None if over.done() else over.set_result(answer))
        try:
            return await over
        except asyncio.CancelledError:
            if call is not None:
                call.abandon()
            raise
