"""Takes calls to the home of their function, and takes in those that others bring."""

import asyncio
import io
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
import structlog
from aiohttp import web

from funclet.gateway.home import messages
from funclet.gateway.home.homes import Homes
from funclet.gateway.home.replays import Replays
from funclet.gateway.invoke import MOVED_AWAY
from funclet.gateway.ports import Abandonable, InvokeRequest, InvokeResult
from funclet.lambda_api.errors import AwsError, service_error, unavailable
from funclet.lambda_api.invoke import REQUEST_LIMIT, RESPONSE_LIMIT

_log = structlog.get_logger(__name__)

Outcome = InvokeResult | AwsError
Done = Callable[[Outcome], None]

#: seconds for one dial
_DIAL = 1.0
#: seconds in which the gateways' views of who is home come together, and between two tries
_CONVERGE = 10.0
_AGAIN = 0.05
_HEADER_LIMIT = 64 * 1024
#: bytes
_LARGE = 64 * 1024
#: statuses that are told before a call begins
_REFUSALS = frozenset({400, 401, 404, 413})


class Relay:
    """The way out. `here` begins a call in this gateway, whose turn it is when a home has moved here."""

    def __init__(
        self,
        homes: Homes,
        key: bytes,
        *,
        wall: Callable[[], float],
        backstop: Callable[[InvokeRequest], float],
    ) -> None:
        """`backstop`: seconds after which a call of this request will not be answered any more."""
        self.homes = homes
        self._key = key
        self._wall = wall
        self._backstop = backstop
        self._tasks: set[asyncio.Task[None]] = set()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=15.0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_DIAL),
            auto_decompress=False,
            max_field_size=_HEADER_LIMIT,
        )

    async def close(self) -> None:
        """Give up what is under way."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._session.close()

    def is_elsewhere(self, namespace: str, function: str) -> bool:
        """Whether the home is another gateway."""
        return not self.homes.is_own(namespace, function)

    def begin(self, request: InvokeRequest, done: Done, here: Callable[[], None]) -> "RelayingCall":
        """Take a call to its home; `here` is called instead of `done` where that is this gateway by now."""
        task = self._spawn(self._follow(request, done, here))
        task.add_done_callback(lambda over: _own_up(over, done))
        return RelayingCall(task)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _follow(self, request: InvokeRequest, done: Done, here: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + _CONVERGE
        route = request.target.route
        while True:
            home = self.homes.home(route.namespace, route.name)
            if home == self.homes.own:
                here()
                return
            outcome = await self._attempt(home, request)
            if outcome is not None:
                done(outcome)
                return
            if loop.time() >= until:
                done(unavailable("The gateways do not agree who looks after this function; try again."))
                return
            await asyncio.sleep(_AGAIN)

    async def _attempt(self, home: str, request: InvokeRequest) -> Outcome | None:
        """Send a call; None: it did not begin there, and may be sent again."""
        headers = messages.outgoing(request, home, self._key, self._wall())
        url = f"http://{self.homes.address(home)}{messages.PATH}"
        try:
            async with (
                asyncio.timeout(self._backstop(request)),
                self._session.post(
                    url, data=_payload(request.body), headers=headers, allow_redirects=False
                ) as response,
            ):
                if response.status in _REFUSALS:
                    return unavailable("The gateway that looks after this function refused the call.")
                if "x-funclet-not-started" in response.headers:
                    return None
                return messages.outcome(response.headers, await _answer(response))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            self.homes.undiallable(home)
            return None
        except (aiohttp.ClientError, OSError, TimeoutError, messages.RelayError):
            # It may have run there: a relay has no fence, so it is never sent again.
            return service_error("The gateway that ran this call did not answer; it may have run.")


def _payload(body: bytes) -> bytes | io.BytesIO:
    """What is large is sent in pieces, so that other calls get their turn."""
    return io.BytesIO(body) if len(body) > _LARGE else body


def _own_up(over: asyncio.Task[None], done: Done) -> None:
    """Whatever went wrong, the caller is told."""
    if not over.cancelled() and (error := over.exception()) is not None:
        _log.error("relaying a call failed", exc_info=error)
        done(service_error("The gateway failed; see its log."))


async def _answer(response: aiohttp.ClientResponse) -> bytes:
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > RESPONSE_LIMIT:
            raise messages.RelayError("an answer longer than any may be")
        chunks.append(chunk)
    return b"".join(chunks)


class RelayingCall:
    """A call that is with its home."""

    __slots__ = ("_task",)

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task

    def abandon(self) -> None:
        """Nobody waits for the answer any more; the home is told by the end of the connection."""
        self._task.cancel()


#: begins a relayed call here, never relaying it again; None: this function or version is not known here
BeginHere = Callable[[messages.RelayedCall, bytes, Done], Abandonable | None]


class RelayDoor:
    """The way in: a handler of the internal listener."""

    def __init__(self, homes: Homes, key: bytes, begin: BeginHere, *, wall: Callable[[], float]) -> None:
        self._homes = homes
        self._key = key
        self._begin = begin
        self._wall = wall
        self._replays = Replays()

    async def answer(self, request: web.Request) -> web.Response:
        """Run a call for another gateway, and answer with its outcome."""
        call = self._known(request)
        body = await _body(request, call)
        if not self._homes.is_own(call.namespace, call.function):
            return _not_started(messages.NOT_HOME)
        over: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        call_here = self._begin(call, body, lambda outcome: None if over.done() else over.set_result(outcome))
        if call_here is None:
            return _not_started(messages.NOT_KNOWN)
        try:
            outcome = await over
        except asyncio.CancelledError:
            call_here.abandon()
            raise
        if outcome is MOVED_AWAY:
            return _not_started(messages.NOT_HOME)
        headers, answer = messages.answer(outcome)
        return web.Response(headers=headers, body=answer)

    def _known(self, request: web.Request) -> messages.RelayedCall:
        """Read whose call it is, before anything of its body is read. Raises what is to be answered."""
        now = self._wall()
        try:
            call, signed = messages.incoming(request.headers, self._homes.own, self._key, now)
        except messages.RelayError as error:
            raise web.HTTPUnauthorized(text=f"{error}\n") from error
        if not self._replays.is_first(signed, call.nonce, now):
            raise web.HTTPUnauthorized(text="this call came before\n")
        return call


async def _body(request: web.Request, call: messages.RelayedCall) -> bytes:
    if (request.content_length or 0) > REQUEST_LIMIT:
        raise web.HTTPRequestEntityTooLarge(REQUEST_LIMIT)
    body = await request.read()
    if not messages.is_body(call, body):
        raise web.HTTPUnauthorized(text="the body is not the one that was signed for\n")
    return body


def _not_started(reason: str) -> web.Response:
    return web.Response(status=503, headers={"x-funclet-not-started": reason})
