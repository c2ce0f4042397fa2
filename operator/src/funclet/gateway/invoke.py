"""One invocation from its place in the queue to its answer; both ends of the listener call this.

The warm path is synchronous callbacks all the way: a place, one write, an answer, one callback.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from funclet.gateway.answer import (
    InitError,
    NotStarted,
    Unintelligible,
    meaning,
    replayed,
    response_too_large,
    sandbox_error,
)
from funclet.gateway.ask import fence
from funclet.gateway.failure import MOVED, Failure, StartFailedError
from funclet.gateway.http_answer import Answered
from funclet.gateway.metrics import Metrics
from funclet.gateway.pool import Place, Waiter
from funclet.gateway.ports import Abandonable, InvokeRequest, InvokeResult, Relaying
from funclet.gateway.resend import BreakPoint, Fence, may_resend
from funclet.gateway.router import Router
from funclet.gateway.slots import FunctionSlots
from funclet.gateway.upstream import Broken, Ending, Oversized, Undialled
from funclet.lambda_api.errors import (
    AwsError,
    LambdaApiError,
    function_not_found,
    not_runnable,
    service_error,
    throttled,
    unavailable,
)
from funclet.plan import reasons
from funclet.plan.revision import Revision

Outcome = InvokeResult | AwsError
Done = Callable[[Outcome], None]

#: the outcome of a call that must not be relayed and has its home elsewhere by now
MOVED_AWAY = unavailable("Another gateway looks after this function now.")

#: limits of init that a supervisor may use up before it answers: it tries twice for an event
_INITS = 2
#: seconds beyond timeout and init after which an answer will not come any more
_BACKSTOP = 5.0
#: why an instance is given up that has not answered anything
_SILENT = Failure("NotReady", "The instance did not become ready in time.")
#: seconds that the end of an instance which cannot be dialled is waited for: it says more than the dial
_DYING = 0.5
#: how often one call is sent again where something is wrong
_RESENDS = 10
#: what a supervisor says that runs another gateway's call, and the most seconds until it is asked again
_BUSY = "busy"
#: what it says of a call that it was forbidden to start
_REFUSED = "refused"
_LONGEST_VISIT = 1.0


class Invoker:
    """Begins calls; `init_seconds` is the supervisor's limit for init.

    With `relay`, calls of functions whose home is another gateway are taken there.
    """

    def __init__(
        self, router: Router, metrics: Metrics, *, init_seconds: float, relay: Relaying | None = None
    ) -> None:
        self._router = router
        self.relay = relay
        self.metrics = metrics
        self.backstop = _INITS * init_seconds + _BACKSTOP
        self.clock = asyncio.get_running_loop().time
        #: calls whose client still waits or whose function still runs
        self.in_flight = 0
        self._drained: asyncio.Event | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, request: InvokeRequest, done: Done, *, relayed: bool = False) -> "Call | None":
        """Begin a call. `done` is called once, perhaps before this returns; None: it is over already.

        One that was `relayed` is not relayed again: its outcome is MOVED_AWAY where its home is elsewhere.
        """
        route = request.target.route
        function = self._router.find(route.namespace, route.name)
        if function is None:
            done(function_not_found(route.arn))
            return None
        call = Call(self, function.slots, request, done, relayed=relayed)
        return call if call.begin() else None

    async def invoke(self, request: InvokeRequest) -> InvokeResult:
        """Invoke and wait. Raises LambdaApiError. Cancelling frees a place in the queue at once."""
        over: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        call = self.begin(request, lambda outcome: None if over.done() else over.set_result(outcome))
        try:
            outcome = await over
        except asyncio.CancelledError:
            if call is not None:
                call.abandon()
            raise
        if isinstance(outcome, AwsError):
            raise LambdaApiError(outcome)
        return outcome

    @property
    def closing(self) -> bool:
        """Whether the gateway is going down."""
        return self._drained is not None

    async def drain(self, grace: float) -> None:
        """Wait until no call is under way, at most `grace` seconds."""
        self._drained = asyncio.Event()
        if self.in_flight:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._drained.wait(), grace)

    def over(self) -> None:
        """Count a call that is over."""
        self.in_flight -= 1
        if self._drained is not None and not self.in_flight:
            self._drained.set()

    def at_home(self, request: InvokeRequest) -> InvokeRequest:
        """Give a call with the revision that its version means here and now."""
        target = request.target
        function = self._router.find(target.route.namespace, target.route.name)
        found = function.route.versions.get(target.executed_version) if function is not None else None
        if not isinstance(found, Revision) or found is target.revision:
            return request
        return replace(request, target=replace(target, revision=found))

    async def visit(self, slots: FunctionSlots, place: Place) -> None:
        """Give a place back, after a while, that is busy with another gateway's call."""
        await asyncio.sleep(place.visit)
        place.visit = min(_LONGEST_VISIT, place.visit * 2)
        slots.vacate(place)

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run what a call has to find out on its own time."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Call:
    """One invocation under way."""

    __slots__ = (
        "_away",
        "_begun",
        "_done",
        "_invoker",
        "_place",
        "_relayed",
        "_request",
        "_resends",
        "_sent",
        "_slots",
        "_token",
        "_waiter",
    )

    def __init__(
        self, invoker: Invoker, slots: FunctionSlots, request: InvokeRequest, done: Done, *, relayed: bool
    ) -> None:
        self._invoker = invoker
        self._relayed = relayed
        self._away: Abandonable | None = None
        self._slots = slots
        self._request = request
        self._done: Done | None = done
        self._place: Place | None = None
        self._waiter: Waiter | None = None
        self._resends = 0
        #: when it was sent first
        self._sent: float | None = None
        self._token = ""
        self._begun = invoker.clock()

    def begin(self) -> bool:
        """Take a place or queue for one, or go to the function's home; False: the call is over already."""
        self._invoker.in_flight += 1
        return self._go()

    def _go(self) -> bool:
        relay, route = self._invoker.relay, self._request.target.route
        if relay is None or not relay.is_elsewhere(route.namespace, route.name):
            return self._enter()
        if self._relayed:
            self._finish(MOVED_AWAY)
            return False
        self._away = relay.begin(self._request, self._came_back, self._come_home)
        return True

    def _came_back(self, outcome: Outcome) -> None:
        self._away = None
        self._finish(outcome)

    def _come_home(self) -> None:
        """Begin here what was to begin elsewhere: what serves is known only now."""
        self._away = None
        self._request = self._invoker.at_home(self._request)
        self._enter()

    def _enter(self) -> bool:
        try:
            got = self._slots.acquire(self._request.target.revision, self._deliver)
        except LambdaApiError as error:
            self._finish(error.error)
            return False
        except StartFailedError as error:
            self._finish(self._failed(error.failure))
            return False
        self._take(got)
        return True

    def abandon(self) -> None:
        """Nobody waits for the answer any more: leave the queue; a running function runs on."""
        self._done = None
        away, self._away = self._away, None
        if away is not None:
            away.abandon()
            self._finish(unavailable("The caller left."), name="abandoned")
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            self._slots.abandon(waiter)
            self._finish(unavailable("The caller left."), name="abandoned")
        place = self._place
        if place is not None and not place.proven:
            self._invoker.spawn(self._withdraw(place))

    async def _withdraw(self, place: Place) -> None:
        """Forbid an event to start that may wait for init: the place is free once the call is answered with that."""
        await fence(place.link.instance.address, "", self._token, place.link.trust)

    # -- places

    def _take(self, got: Place | Waiter) -> None:
        if isinstance(got, Place):
            self._send(got)
        else:
            self._waiter = got

    def _deliver(self, given: Place | Failure | None) -> None:
        self._waiter = None
        if isinstance(given, Place):
            self._send(given)
        elif given is MOVED:
            self._request = self._invoker.at_home(self._request)
            self._go()
        elif given is None and self._invoker.closing:
            self._finish(unavailable("The gateway is going down."))
        elif given is None:
            self._finish(throttled("ConcurrentInvocationLimitExceeded"))
        else:
            self._finish(self._failed(given))

    def _send(self, place: Place) -> None:
        self._place = place
        if self._sent is None:
            self._sent = self._invoker.clock()
        self._token = secrets.token_hex(16)
        request = self._request
        deadline = self._invoker.clock() + place.pool.timeout + self._invoker.backstop
        place.link.send(_head(request, self._token), request.body, deadline, self._ended)

    # -- endings

    def _ended(self, ending: Ending) -> None:
        place = self._place
        if place is None:
            raise RuntimeError("an answer came to a call that has no place")
        if isinstance(ending, Answered):
            self._answered(place, ending)
        elif isinstance(ending, Undialled):
            self._undialled(place, ending)
        elif isinstance(ending, Broken):
            self._broken(place, ending)
        elif isinstance(ending, Oversized):
            self._slots.discard(place)
            self._finish(response_too_large(self._request))
        else:
            # One that never answered may hang in init: without a back-off each call would start another.
            self._slots.init_failed(place, _SILENT)
            self._slots.discard(place)
            seconds = f"{place.pool.timeout:.2f}"
            words = f"Task timed out after {seconds} seconds"
            self._finish(sandbox_error(self._request, "Sandbox.Timedout", words))

    def _answered(self, place: Place, answer: Answered) -> None:
        result = meaning(answer, self._request)
        if isinstance(result, InvokeResult):
            if not place.proven:
                self._slots.prove(place, init=(result.init_ms or 0.0) / 1000)
            # The caller first: giving the place back may start the next call.
            self._finish(result, release=place)
        elif isinstance(result, InitError):
            self._slots.init_failed(place, result.failure)
            self._slots.discard(place)
            self._finish(result.result)
        elif isinstance(result, NotStarted) and result.reason == _BUSY and self._may_be_occupied(place):
            self._go_elsewhere(place)
        elif isinstance(result, NotStarted) and result.reason == _REFUSED and self._done is None:
            self._withdrawn(place)
        elif isinstance(result, NotStarted):
            self._again(place, BreakPoint.NOT_STARTED)
        elif isinstance(result, Unintelligible):
            self._slots.discard(place)
            self._finish(service_error("The instance answered outside its contract."))

    def _withdrawn(self, place: Place) -> None:
        """Keep an instance whose event was taken back: it goes on with init, and is there for the next call."""
        self._finish(unavailable("The caller left."), name="abandoned")
        self._slots.vacate(place)

    def _may_be_occupied(self, place: Place) -> bool:
        """Whether the gateway that was home before may have a call there; it is over when its time is."""
        limit = place.pool.timeout + self._invoker.backstop
        return self._done is not None and place.fit and self._invoker.clock() - place.met < limit

    def _go_elsewhere(self, place: Place) -> None:
        """Leave an instance to the call that it runs for another gateway: it is worth waiting for, and warm."""
        self._place = None
        self._invoker.spawn(self._invoker.visit(self._slots, place))
        self._take(self._slots.retry(place, self._deliver, keep=True))

    def _undialled(self, place: Place, ending: Undialled) -> None:
        if place.proven:
            self._again(place, BreakPoint.BEFORE_GREETING)
        else:
            self._invoker.spawn(self._stillborn(place, ending.why))

    async def _stillborn(self, place: Place, why: str) -> None:
        """Take an instance that was never reached for a start that failed, so that starts back off."""
        ended = place.link.instance.ended
        await asyncio.wait([ended], timeout=_DYING)
        gone = Failure("InstanceEnded", ended.result()) if ended.done() else Failure(reasons.NOT_REACHED, why)
        # Whatever it may have said of itself meanwhile: it takes no calls.
        place.proven = False
        self._slots.init_failed(place, gone)
        self._again(place, BreakPoint.BEFORE_GREETING)

    def _broken(self, place: Place, ending: Broken) -> None:
        if ending.boot is None or place.link.instance.ended.done():
            self._again(place, BreakPoint.IN_ANSWER)
        else:
            self._invoker.spawn(self._ask_fence(place, ending.boot))

    async def _ask_fence(self, place: Place, boot: str) -> None:
        same_boot, said = await fence(place.link.instance.address, boot, self._token, place.link.trust)
        self._again(place, BreakPoint.NO_ANSWER, same_boot=same_boot, said=said)

    def _again(
        self, place: Place, point: BreakPoint, *, same_boot: bool = False, said: Fence = Fence.UNREACHABLE
    ) -> None:
        """Send the call again where that is safe and somebody waits for it."""
        if not may_resend(point, same_boot=same_boot, fence=said):
            self._slots.discard(place)
            words = "Runtime exited with error: signal: killed"
            self._finish(sandbox_error(self._request, "Runtime.ExitError", words))
        elif self._done is None or self._has_tried_enough(place, point):
            self._slots.discard(place)
            self._finish(unavailable("No instance took the call."))
        else:
            self._retry(place)

    def _has_tried_enough(self, place: Place, point: BreakPoint) -> bool:
        """Warm instances that drain may be many, and cost nothing; one that breaks, or was made in vain, is a fault."""
        if point is BreakPoint.NO_ANSWER or not place.proven:
            self._resends += 1
        waited = self._invoker.clock() - (self._sent or self._begun)
        return self._resends >= _RESENDS or waited >= self._slots.patience

    def _retry(self, place: Place) -> None:
        self._place = None
        try:
            got = self._slots.retry(place, self._deliver)
        except StartFailedError as error:
            self._finish(self._failed(error.failure))
        else:
            self._take(got)

    # -- answers

    def _failed(self, failure: Failure) -> Outcome:
        if failure.payload is not None:
            return replayed(failure, self._request)
        return not_runnable(failure.reason, failure.message)

    def _finish(self, outcome: Outcome, *, release: Place | None = None, name: str | None = None) -> None:
        done, self._done = self._done, None
        self._place = None
        if done is not None:
            done(outcome)
        if release is not None:
            self._slots.release(release)
        invoker = self._invoker
        invoker.over()
        invoker.metrics.observe(self._request.target.route.name, outcome, invoker.clock() - self._begun, name)


def _head(request: InvokeRequest, token: str) -> bytes:
    target = request.target
    head = (
        f"POST /invoke HTTP/1.1\r\nhost: funclet\r\ncontent-type: {request.content_type}\r\n"
        f"content-length: {len(request.body)}\r\nx-funclet-revision: {target.revision.key}\r\n"
        f"x-funclet-token: {token}\r\nlambda-runtime-aws-request-id: {request.request_id}\r\n"
        f"lambda-runtime-invoked-function-arn: {target.invoked_arn}\r\n"
    )
    if request.trace_id is not None:
        head += f"lambda-runtime-trace-id: {request.trace_id}\r\n"
    if request.client_context is not None:
        head += f"lambda-runtime-client-context: {request.client_context}\r\n"
    if request.cognito_identity is not None:
        head += f"lambda-runtime-cognito-identity: {request.cognito_identity}\r\n"
    if request.tail:
        head += "x-funclet-tail: 1\r\n"
    return (head + "\r\n").encode("latin-1")
