"""The table of functions: what the routes say, what serves, and each function's slots."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from funclet.gateway.pool import RevisionState
from funclet.gateway.rollover import Latest, Progress, Step, next_step
from funclet.gateway.slots import FunctionSlots
from funclet.plan.revision import Revision
from funclet.plan.route_table import RouteKey
from funclet.plan.routes import LATEST, FunctionRoute

RouteTable = Mapping[RouteKey, FunctionRoute]


class RoutedFunction:
    """One function: `route` is what callers get, `wanted` what the table says."""

    __slots__ = ("at_home", "pending", "route", "slots", "wanted")

    def __init__(self, route: FunctionRoute, slots: FunctionSlots, *, at_home: bool) -> None:
        #: whether this gateway is the function's home: elsewhere, nothing is started or stands by
        self.at_home = at_home
        self.wanted = route
        self.route = self._with_latest(self._first())
        self.slots = slots
        #: whether $LATEST is still another than wanted
        self.pending = False

    def take(self, wanted: FunctionRoute) -> None:
        """Take another route; $LATEST stays what it was until `settle` switches it."""
        self.wanted = wanted
        self.route = self._with_latest(self.route.versions.get(LATEST))

    def settle(self) -> None:
        """Do the next step of the rollover, and tell the slots what is routed."""
        if not self.at_home:
            # The home decides what serves; here $LATEST is only a name.
            self.pending, self.route = False, self.wanted
            self._configure()
            self._keep(None)
            return
        serving, wanted = self.route.versions.get(LATEST), self.wanted.versions.get(LATEST)
        step = next_step(serving, wanted, self._progress(serving, wanted))
        self.pending = step in {Step.PREPARE, Step.HOLD}
        if step is Step.SWITCH:
            self.route = self.wanted
        self._configure()
        if step is Step.PREPARE and isinstance(wanted, Revision):
            self.slots.prepare(wanted)
        self._keep(wanted, preparing=step is Step.PREPARE)

    def set_home(self, *, own: bool) -> None:
        """Take note whether this gateway is the home from now on; what another one is home of is let go."""
        if self.at_home != own:
            self.at_home = own
            if own:
                self.route = self._with_latest(self._first())
            else:
                self.slots.surrender()
            self.settle()

    def has_room_for(self, revision: Revision) -> bool:
        """Whether an instance of this revision is of use here."""
        routed = [*self.route.versions.values(), *self.wanted.versions.values(), self.wanted.serving]
        keys = {each.key for each in routed if isinstance(each, Revision)}
        return self.at_home and (revision.key in keys or revision.key in self.slots.pools)

    def retire(self) -> None:
        """End what is idle; what runs or waits is finished first."""
        self.slots.keep(set())

    def _first(self) -> Latest:
        """What $LATEST means to a gateway that comes to be its home: whatever serves, be it about to be replaced."""
        return self.wanted.serving or self.wanted.versions.get(LATEST)

    def _progress(self, serving: Latest, wanted: Latest) -> Progress:
        runs = isinstance(serving, Revision) and self.slots.live(serving.key)
        told = self.wanted.serving
        return Progress(
            # Instances of another home may not have been met yet, and the status tells of them.
            serving_lives=runs
            or (isinstance(serving, Revision) and told is not None and told.key == serving.key),
            serving_runs=runs,
            wanted_is_ready=isinstance(wanted, Revision) and self.slots.ready(wanted.key),
            wanted_failed=isinstance(wanted, Revision) and self.slots.failed(wanted.key),
        )

    def _with_latest(self, latest: Latest) -> FunctionRoute:
        versions = {name: version for name, version in self.wanted.versions.items() if name != LATEST}
        return replace(self.wanted, versions=versions if latest is None else {**versions, LATEST: latest})

    def _configure(self) -> None:
        latest = self.route.versions.get(LATEST)
        self.slots.configure(
            reserved=self.route.reserved,
            idle=self.route.idle,
            minimum=self.route.min_instances if self.at_home else 0,
            serving=latest if isinstance(latest, Revision) else None,
        )

    def _keep(self, wanted: Latest, *, preparing: bool = False) -> None:
        """Keep what is routed, and what is to come: how that failed is not forgotten."""
        routed = [*self.route.versions.values(), wanted]
        keys = {version.key for version in routed if isinstance(version, Revision)}
        self.slots.keep(keys, wanted.key if preparing and isinstance(wanted, Revision) else None)


class Router:
    """All functions by namespace and Lambda name; `make` gives a new function its slots.

    `is_home` tells whether this gateway is a function's home when it is met first; `set_home` afterwards.
    """

    def __init__(
        self, make: Callable[[], FunctionSlots], is_home: Callable[[RouteKey], bool] = lambda _: True
    ) -> None:
        self._make = make
        self._is_home = is_home
        self._functions: dict[RouteKey, RoutedFunction] = {}
        self._by_slots: dict[FunctionSlots, RoutedFunction] = {}
        #: removed functions that still run something
        self._leaving: list[RoutedFunction] = []

    def find(self, namespace: str, name: str) -> RoutedFunction | None:
        """Return the function, if there is one."""
        return self._functions.get((namespace, name))

    def update(self, routes: RouteTable) -> None:
        """Replace the whole table."""
        for key in self._functions.keys() - routes.keys():
            self.put(key, None)
        for key, route in routes.items():
            self.put(key, route)

    def put(self, key: RouteKey, route: FunctionRoute | None) -> None:
        """Route one function anew; None: it is gone, and finishes what it runs."""
        function = self._functions.get(key)
        if route is None:
            if function is not None:
                del self._functions[key]
                function.retire()
                self._leaving.append(function)
            return
        if function is None:
            function = RoutedFunction(route, self._make(), at_home=self._is_home(key))
            self._functions[key] = function
            self._by_slots[function.slots] = function
        elif function.wanted != route:
            function.take(route)
        function.settle()

    def settle(self, slots: FunctionSlots) -> None:
        """Go on with the rollover of one function after something changed in it."""
        function = self._by_slots.get(slots)
        if function is not None and function.pending:
            function.settle()

    def sweep(self) -> None:
        """Do what is due in all functions."""
        for function in [*self._functions.values(), *self._leaving]:
            function.slots.sweep()
            if function.pending:
                function.settle()
        for function in [each for each in self._leaving if not each.slots.pools]:
            self._leaving.remove(function)
            del self._by_slots[function.slots]

    def all(self) -> Iterator[RoutedFunction]:
        """All functions, those that are leaving too."""
        yield from self._functions.values()
        yield from self._leaving

    def revision_states(self) -> dict[str, RevisionState]:
        """Return the state of each revision that has, had or wants instances, by key."""
        return {key: state for function in self.all() for key, state in function.slots.states()}

    def function_states(self, namespace: str, function: str) -> dict[str, RevisionState]:
        """Return the states of one function's revisions, by key; `function` is its object's name."""
        named = (
            each
            for each in self.all()
            if (each.route.namespace, each.route.function) == (namespace, function)
        )
        return {key: state for each in named for key, state in each.slots.states()}
