"""Takes calls to the home of their function, and takes in those that others bring."""

import asyncio
import io
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
import structlog
from aiohttp import web

from funclet.gateway.admission import Admission
from funclet.gateway.held import NO_ROOM, Held
from funclet.gateway.home import messages
from funclet.gateway.home.homes import Homes
from funclet.gateway.home.replays import Replays
from funclet.gateway.invoke import MOVED_AWAY
from funclet.gateway.ports import Abandonable, InvokeRequest, InvokeResult
from funclet.lambda_api.errors import AwsError, service_error, unavailable
from funclet.lambda_api.invoke import REQUEST_LIMIT, RESPONSE_LIMIT, too_large

_log = structlog.get_logger(__name__)

Outcome = InvokeResult | AwsError
Done = Callable[[Outcome], None]

#: seconds for one dial
_DIAL = 1.0
#: seconds in which the gateways' views of who is home come together
_CONVERGE = 10.0
#: seconds between two tries: first, and longest
_AGAIN = 0.05
_LONGEST_PAUSE = 0.5
#: seconds after which a call that comes back had been taken in: until then the views were one
_TAKEN_IN = 1.0
_HEADER_LIMIT = 64 * 1024
#: bytes
_LARGE = 64 * 1024
#: statuses that are told before a call begins
_REFUSALS = frozenset({400, 404, 413})
_UNSIGNED = 401
_NOT_STARTED = "x-funclet-not-started"


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
        route = request.target.route
        until, pause = float("inf"), _AGAIN
        while True:
            home = self.homes.home(route.namespace, route.name)
            if home == self.homes.own:
                here()
                return
            begun = loop.time()
            outcome = await self._attempt(home, request)
            if outcome is not None:
                done(outcome)
                return
            now = loop.time()
            if until == float("inf") or now - begun > _TAKEN_IN:
                until, pause = now + _CONVERGE, _AGAIN
            if now >= until:
                done(unavailable("The gateways do not agree who looks after this function; try again."))
                return
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 1.5)

    async def _attempt(self, home: str, request: InvokeRequest) -> Outcome | None:
        """Send a call; None: it did not begin there, and may be sent again."""
        passed_over = self.homes.passed_over
        headers = messages.outgoing(request, home, self._key, self._wall(), passed_over)
        url = f"http://{self.homes.address(home)}{messages.PATH}"
        try:
            async with (
                asyncio.timeout(self._backstop(request)),
                self._session.post(
                    url, data=_payload(request.body), headers=headers, allow_redirects=False
                ) as response,
            ):
                if response.status == _UNSIGNED:
                    self._unbelieved(home)
                    return None
                self.homes.reached(home)
                if response.status in _REFUSALS:
                    return unavailable("The gateway that looks after this function refused the call.")
                not_started = response.headers.get(_NOT_STARTED)
                if not_started is not None:
                    if not_started == messages.LEAVING:
                        self.homes.left(home)
                    return None
                return messages.outcome(response.headers, await _answer(response))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            self.homes.undiallable(home)
            return None
        except (aiohttp.ClientError, OSError, TimeoutError, messages.RelayError):
            # It may have run there: a relay has no fence, so it is never sent again.
            return service_error("The gateway that ran this call did not answer; it may have run.")

    def _unbelieved(self, home: str) -> None:
        """Pass over a gateway that takes nothing of this one: it has another's address, another key, or another time."""
        _log.warning("a gateway believes no call of this one: do their keys and clocks differ?", gateway=home)
        self.homes.undiallable(home)


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

    def __init__(
        self,
        homes: Homes,
        key: bytes,
        begin: BeginHere,
        *,
        admission: Admission,
        wall: Callable[[], float],
    ) -> None:
        self._homes = homes
        self._key = key
        self._begin = begin
        self._admission = admission
        self._wall = wall
        self._replays = Replays()

    async def answer(self, request: web.Request) -> web.Response:
        """Run a call for another gateway, and answer with its outcome."""
        call = self._known(request)
        self._homes.heed(call.passed_over)
        # Before anything of the body is read: a call that is to go elsewhere may come many times.
        if not self._homes.is_own(call.namespace, call.function):
            return self._not_home()
        if not self._admission.enter():
            return _answer_with(NO_ROOM)
        held = Held(self._admission)
        try:
            body = await _body(request, call, held)
            return await self._run(call, body) if isinstance(body, bytes) else _answer_with(body)
        finally:
            held.leave()

    async def _run(self, call: messages.RelayedCall, body: bytes) -> web.Response:
        over: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        call_here = self._begin(call, body, lambda outcome: None if over.done() else over.set_result(outcome))
        if call_here is None:
            return _not_started(messages.NOT_KNOWN)
        try:
            outcome = await over
        except asyncio.CancelledError:
            call_here.abandon()
            raise
        return self._not_home() if outcome is MOVED_AWAY else _answer_with(outcome)

    def _not_home(self) -> web.Response:
        return _not_started(messages.LEAVING if self._homes.is_leaving else messages.NOT_HOME)

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


async def _body(request: web.Request, call: messages.RelayedCall, held: Held) -> bytes | AwsError:
    if (request.content_length or 0) > REQUEST_LIMIT:
        raise web.HTTPRequestEntityTooLarge(REQUEST_LIMIT)
    try:
        body = await held.read(request)
    except (web.RequestPayloadError, ValueError) as error:
        raise web.HTTPBadRequest(text="the body breaks off\n") from error
    if isinstance(body, AwsError):
        if body == too_large():
            raise web.HTTPRequestEntityTooLarge(REQUEST_LIMIT)
        return body
    if not messages.is_body(call, body):
        raise web.HTTPUnauthorized(text="the body is not the one that was signed for\n")
    return body


def _answer_with(outcome: Outcome) -> web.Response:
    headers, body = messages.answer(outcome)
    return web.Response(headers=headers, body=body)


def _not_started(reason: str) -> web.Response:
    return web.Response(status=503, headers={_NOT_STARTED: reason})
