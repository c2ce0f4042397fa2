"""Takes calls to the home of their function."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from funclet.gateway.home import messages
from funclet.gateway.home.homes import Homes
from funclet.gateway.home.peers import BrokenOffError, Peers, UnprovedError, UnreachedError
from funclet.gateway.http_answer import Answered
from funclet.gateway.invoke import Done, Outcome
from funclet.gateway.ports import InvokeRequest
from funclet.lambda_api.errors import service_error, unavailable

_log = structlog.get_logger(__name__)

#: seconds in which the gateways' views of who is home come together
_CONVERGE = 10.0
#: seconds between two tries: first, and longest
_AGAIN = 0.05
_LONGEST_PAUSE = 0.5
#: seconds after which a call that comes back had been taken in: until then the views were one
_TAKEN_IN = 1.0
_UNSIGNED = 401


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
        self._peers = Peers(key)

    async def close(self) -> None:
        """Give up what is under way."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._peers.close()

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
        address = self.homes.address(home)
        if address is None:
            return None
        headers = messages.outgoing(request, home, self._key, self._wall(), self.homes.passed_over)
        head = messages.head_of(messages.PATH, address, headers, len(request.body))
        try:
            async with asyncio.timeout(self._backstop(request)):
                answer = await self._peers.ask(home, address, head, request.body)
            return self._meaning(home, answer)
        except UnreachedError as error:
            if isinstance(error, UnprovedError):
                _log.warning("who has a gateway's address is not it: have they the same key?", gateway=home)
            self.homes.undiallable(home)
            return None
        except (BrokenOffError, TimeoutError, messages.RelayError):
            # It may have run there: a relay has no fence, so it is never sent again.
            return service_error("The gateway that ran this call did not answer; it may have run.")

    def _meaning(self, home: str, answer: Answered) -> Outcome | None:
        if answer.status == _UNSIGNED:
            _log.warning("a gateway believes no call of this one: do their clocks differ?", gateway=home)
            self.homes.undiallable(home)
            return None
        self.homes.reached(home)
        not_started = messages.why_not_started(answer.headers)
        if not_started is None:
            return messages.outcome(answer.headers, answer.body)
        if not_started == messages.LEAVING:
            self.homes.left(home)
        return None


def _own_up(over: asyncio.Task[None], done: Done) -> None:
    """Whatever went wrong, the caller is told."""
    if not over.cancelled() and (error := over.exception()) is not None:
        _log.error("relaying a call failed", exc_info=error)
        done(service_error("The gateway failed; see its log."))


class RelayingCall:
    """A call that is with its home."""

    __slots__ = ("_task",)

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task

    def abandon(self) -> None:
        """Nobody waits for the answer any more; the home is told by the end of the connection."""
        self._task.cancel()
