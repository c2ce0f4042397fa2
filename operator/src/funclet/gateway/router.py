"""The table of functions: what the routes say, what serves, and each function's slots."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from funclet.gateway.pool import RevisionState
from funclet.gateway.rollover import Latest, Step, next_step
from funclet.gateway.slots import FunctionSlots
from funclet.plan.revision import Revision
from funclet.plan.routes import LATEST, FunctionRoute

RouteTable = Mapping[tuple[str, str], FunctionRoute]


class RoutedFunction:
    """One function: `route` is what callers get, `wanted` what the table says."""

    __slots__ = ("pending", "route", "slots", "wanted")

    def __init__(self, route: FunctionRoute, slots: FunctionSlots) -> None:
        self.wanted = route
        self.route = route
        self.slots = slots
        #: whether $LATEST is still another than wanted
        self.pending = False

    def take(self, wanted: FunctionRoute) -> None:
        """Take another route; $LATEST stays what it was until `settle` switches it."""
        self.wanted = wanted
        self.route = self._with_latest(self.route.versions.get(LATEST))

    def settle(self) -> None:
        """Do the next step of the rollover, and tell the slots what is routed."""
        serving, wanted = self.route.versions.get(LATEST), self.wanted.versions.get(LATEST)
        step = next_step(
            serving,
            wanted,
            serving_live=isinstance(serving, Revision) and self.slots.live(serving.key),
            wanted_ready=isinstance(wanted, Revision) and self.slots.ready(wanted.key),
        )
        self.pending = step in {Step.PREPARE, Step.HOLD}
        if step is Step.SWITCH:
            self.route = self.wanted
        self._configure()
        if step is Step.PREPARE and isinstance(wanted, Revision):
            self.slots.prepare(wanted)
        self._keep(preparing=wanted if step is Step.PREPARE else None)

    def retire(self) -> None:
        """End what is idle; what runs or waits is finished first."""
        self.slots.keep(set())

    def _with_latest(self, latest: Latest) -> FunctionRoute:
        versions = {name: version for name, version in self.wanted.versions.items() if name != LATEST}
        return replace(self.wanted, versions=versions if latest is None else {**versions, LATEST: latest})

    def _configure(self) -> None:
        latest = self.route.versions.get(LATEST)
        self.slots.configure(
            reserved=self.route.reserved,
            idle=self.route.idle,
            minimum=self.route.min_instances,
            serving=latest if isinstance(latest, Revision) else None,
        )

    def _keep(self, *, preparing: Latest) -> None:
        routed = [*self.route.versions.values(), preparing]
        keys = {version.key for version in routed if isinstance(version, Revision)}
        self.slots.keep(keys, preparing.key if isinstance(preparing, Revision) else None)


class Router:
    """All functions by namespace and Lambda name; `make` gives a new function its slots."""

    def __init__(self, make: Callable[[], FunctionSlots]) -> None:
        self._make = make
        self._functions: dict[tuple[str, str], RoutedFunction] = {}
        #: removed functions that still run something
        self._leaving: list[RoutedFunction] = []

    def find(self, namespace: str, name: str) -> RoutedFunction | None:
        """Return the function, if there is one."""
        return self._functions.get((namespace, name))

    def update(self, routes: RouteTable) -> None:
        """Replace the whole table."""
        before, self._functions = self._functions, {}
        for key, route in routes.items():
            function = before.pop(key, None)
            if function is None:
                function = RoutedFunction(route, self._make())
            elif function.wanted != route:
                function.take(route)
            self._functions[key] = function
        for function in before.values():
            function.retire()
            self._leaving.append(function)
        for function in self._functions.values():
            function.settle()

    def settle(self, slots: FunctionSlots) -> None:
        """Go on with the rollover of one function after something changed in it."""
        for function in self._functions.values():
            if function.pending and function.slots is slots:
                function.settle()

    def sweep(self) -> None:
        """Do what is due in all functions."""
        for function in [*self._functions.values(), *self._leaving]:
            function.slots.sweep()
            if function.pending:
                function.settle()
        self._leaving = [function for function in self._leaving if function.slots.pools]

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
