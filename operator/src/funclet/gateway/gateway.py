"""The gateway put together: listener, router, slots and instances, with one sweep for all that is due in time."""

import asyncio
import random
import socket
import time
from collections.abc import Callable, Iterable

from funclet.gateway.access.accounts import Accounts
from funclet.gateway.access.open import OpenAccess
from funclet.gateway.access.port import Access
from funclet.gateway.admission import Admission
from funclet.gateway.fleet import Fleet
from funclet.gateway.front import LambdaFront
from funclet.gateway.front_lambda import lambda_server
from funclet.gateway.home.messages import RelayedCall
from funclet.gateway.invoke import Done, Invoker
from funclet.gateway.listening import FastServer
from funclet.gateway.metrics import Gauge, Metrics
from funclet.gateway.pool import RevisionState
from funclet.gateway.ports import Abandonable, Instance, InvokeRequest, InvokeResult, Relaying, Starter
from funclet.gateway.proof import Prover
from funclet.gateway.router import RoutedFunction, Router, RouteTable
from funclet.gateway.settings import GatewaySettings
from funclet.gateway.slots import FunctionSlots
from funclet.gateway.upstream import Broken
from funclet.lambda_api.errors import not_runnable
from funclet.plan.revision import Platform, Revision
from funclet.plan.route_table import RouteKey
from funclet.plan.routes import FunctionRoute, Target, Unavailable

#: seconds between two looks at what is due
_SWEEP = 0.5

OnRevisionChange = Callable[[Revision], None]


class Gateway:
    """Serves the Lambda API's Invoke for the functions in its table.

    Make it within the loop that runs it. `on_revision_change` is called with a revision when something
    in `revision_states` about it is another.
    """

    def __init__(
        self,
        starter: Starter,
        settings: GatewaySettings,
        *,
        accounts: Accounts | None = None,
        access: Access | None = None,
        relay: Relaying | None = None,
        prover: Prover | None = None,
        on_revision_change: OnRevisionChange = lambda _: None,
        draw: Callable[[], float] = random.random,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._on_revision_change = on_revision_change
        self._draw = draw
        self._loop = asyncio.get_running_loop()
        self.metrics = Metrics()
        self.metrics.gauges = self._gauges
        self._relay = relay
        self._fleet = Fleet(
            starter, init_seconds=settings.init_seconds, on_change=self._changed, prover=prover
        )
        self._router = Router(self._slots, self._is_home)
        self._invoker = Invoker(self._router, self.metrics, init_seconds=settings.init_seconds, relay=relay)
        self.admission = Admission(settings.listener)
        accounts = accounts or Accounts(Platform(settings.account, settings.region, {}), settings.namespace)
        self._front = LambdaFront(
            settings,
            self._router,
            self._invoker,
            accounts=accounts,
            access=access or OpenAccess(accounts),
            draw=draw,
            wall=wall,
        )
        slow_lane = lambda_server(self._front, self.admission, settings.listener)
        self._public = FastServer(self._front, slow_lane, self.admission, settings.listener, wall=wall)
        self._sweeping: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """The port that the listener has. Raises RuntimeError before `start`."""
        return self._public.port

    async def start(self, listener: socket.socket | None = None) -> None:
        """Serve on a listening socket, or on the settings' address. Raises OSError where that is taken."""
        self._sweep()
        await self._public.start(listener or (self._settings.host, self._settings.port))

    def update_routes(self, routes: RouteTable) -> None:
        """Replace the table of functions; removed ones finish what they run."""
        self._router.update(routes)
        self.metrics.keep({route.name for route in routes.values()})

    def update_route(self, where: RouteKey, route: FunctionRoute | None) -> None:
        """Route one function anew; None: it is gone, and finishes what it runs."""
        self._router.put(where, route)
        if route is None:
            self.metrics.keep({function.route.name for function in self._router.all()})

    def set_home(self, where: RouteKey, *, own: bool) -> None:
        """Take note whether this gateway is a function's home from now on."""
        function = self._router.find(*where)
        if function is not None:
            function.set_home(own=own)

    def linger(self, where: RouteKey, count: int) -> None:
        """Take note how many instances of a function, not held here, may still run a call of another gateway's."""
        function = self._router.find(*where)
        if function is not None:
            function.slots.linger(count)

    def appeared(self, instance: Instance) -> bool:
        """Take an instance that nobody asked for; False: it is of no use here."""
        revision = instance.revision
        function = self._router.find(revision.namespace, revision.function_name)
        if function is None or not function.has_room_for(revision):
            return False
        self._fleet.adopt(function.slots, instance)
        return True

    def leaving(self, instance: Instance) -> None:
        """Give an instance no more calls: it drains by itself."""
        revision = instance.revision
        function = self._router.find(revision.namespace, revision.function_name)
        if function is None:
            return
        for place in function.slots.places():
            if place.link.instance is instance:
                function.slots.leave(place)

    def begin_relayed(self, call: RelayedCall, body: bytes, done: Done) -> Abandonable | None:
        """Begin a call that another gateway brought; None: its function or version is not known here."""
        function = self._router.find(call.namespace, call.function)
        revision = function.route.versions.get(call.version) if function is not None else None
        if function is None or revision is None:
            return None
        if isinstance(revision, Unavailable):
            done(not_runnable(revision.reason, revision.message))
            return OVER
        target = Target(function.route, revision, call.version, call.invoked_arn)
        request = InvokeRequest(
            target=target,
            request_id=call.request_id,
            body=body,
            content_type=call.content_type,
            tail=call.tail,
            client_context=call.client_context,
            cognito_identity=call.cognito_identity,
            trace_id=call.trace_id,
        )
        return self._invoker.begin(request, done, relayed=True) or OVER

    async def invoke(self, request: InvokeRequest) -> InvokeResult:
        """Invoke a function. Raises LambdaApiError."""
        return await self._invoker.invoke(request)

    def revision_states(self) -> dict[str, RevisionState]:
        """Return the state of each revision that has, had or wants instances, by key."""
        return self._router.revision_states()

    def function_states(self, namespace: str, function: str) -> dict[str, RevisionState]:
        """Return the states of one function's revisions; `function` is its object's name."""
        return self._router.function_states(namespace, function)

    def part(self) -> None:
        """Have callers go elsewhere: calls are still taken, and each answer ends its connection."""
        self.admission.parting = True

    async def stop(self, grace: float, *, keep_instances: bool = False) -> None:
        """Take no more calls, give those under way `grace` seconds, end all instances or leave them to others."""
        self.admission.closing = True
        self._public.stop_listening()
        until = self._loop.time() + grace
        for settled in (self.admission.settle, self._front.settle, self._invoker.drain):
            await settled(max(0.0, until - self._loop.time()))
        if self._sweeping is not None:
            self._sweeping.cancel()
        for function in self._router.all():
            function.slots.close()
            for place in function.slots.places():
                place.link.end(Broken(None, "the gateway is going down"))
                if not keep_instances:
                    self._fleet.end(place)
        await self._public.close(1.0)
        await self._fleet.close(keep=keep_instances)

    # -- how

    def _is_home(self, where: RouteKey) -> bool:
        return self._relay is None or not self._relay.is_elsewhere(*where)

    def _slots(self) -> FunctionSlots:
        return FunctionSlots(self._settings.slots, self._fleet, clock=self._loop.time, jitter=self._draw)

    def _changed(self, slots: FunctionSlots, revision: Revision) -> None:
        """Go on once the slots are at rest: they must not be called from within."""
        self._loop.call_soon(self._settle, slots, revision)

    def _settle(self, slots: FunctionSlots, revision: Revision) -> None:
        self._router.settle(slots)
        self._on_revision_change(revision)

    def _sweep(self) -> None:
        self._sweeping = self._loop.call_later(_SWEEP, self._sweep)
        now = self._loop.time()
        for function in self._router.all():
            for place in function.slots.places():
                place.link.sweep(now)
        self._router.sweep()

    def _gauges(self) -> Iterable[Gauge]:
        functions = list(self._router.all())
        yield "funclet_in_flight", "Calls whose function runs.", ("function",), _by_name(functions, _running)
        yield (
            "funclet_waiting",
            "Calls that wait for an instance.",
            ("function",),
            _by_name(functions, _waiting),
        )
        yield "funclet_instances", "Instances, by state.", ("function", "state"), _instances(functions)
        held = self.admission
        yield (
            "funclet_connections",
            "Connections of the public listener.",
            (),
            [((), self._public.connections)],
        )
        yield "funclet_held_requests", "Requests held by the public listener.", (), [((), held.requests)]
        yield (
            "funclet_held_bytes",
            "Bytes of events and answers held by the public listener.",
            (),
            [((), held.bytes)],
        )


class _Over:
    """A call that was over as soon as it began."""

    def abandon(self) -> None:
        """Nothing is left to give up."""


OVER = _Over()
Samples = list[tuple[tuple[str, ...], float]]


def _running(slots: FunctionSlots) -> int:
    return slots.running


def _waiting(slots: FunctionSlots) -> int:
    return slots.waiting


def _by_name(functions: list[RoutedFunction], count: Callable[[FunctionSlots], int]) -> Samples:
    totals: dict[str, int] = {}
    for function in functions:
        totals[function.route.name] = totals.get(function.route.name, 0) + count(function.slots)
    return [((name,), total) for name, total in totals.items()]


def _instances(functions: list[RoutedFunction]) -> Samples:
    totals: dict[tuple[str, ...], float] = {}
    for function in functions:
        for pool in function.slots.pools.values():
            states = {"starting": pool.starting, "idle": len(pool.idle), "busy": pool.busy}
            for state, count in states.items():
                key = (function.route.name, state)
                totals[key] = totals.get(key, 0) + count
    return list(totals.items())
