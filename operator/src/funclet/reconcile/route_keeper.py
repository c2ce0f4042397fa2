"""The routes of all functions, rebuilt one function at a time."""

from collections.abc import Callable, Sequence

from funclet.api.alias import Alias
from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.kube.port import Object
from funclet.plan.owners import older
from funclet.plan.plan import Key
from funclet.plan.route_table import RouteKey
from funclet.plan.routes import FunctionRoute
from funclet.reconcile.world import World

#: told of each change: which function, and its route; None where it can be called no more
OnRoute = Callable[[RouteKey, FunctionRoute | None], None]
#: makes the route of a function from itself, its versions, its aliases and the route that it had
BuildRoute = Callable[
    [Function, Sequence[FunctionVersion], Sequence[Alias], FunctionRoute | None], FunctionRoute
]


class RouteKeeper:
    """`routes` is always the present table."""

    def __init__(self, world: World, build: BuildRoute, on_route: OnRoute | None = None) -> None:
        self.routes: dict[RouteKey, FunctionRoute] = {}
        self._world = world
        self._build_route = build
        self._on_route = on_route
        #: under which Lambda names each Function, by its key, was last routed
        self._names: dict[Key, str] = {}

    def refresh(self, key: Key, manifest: Object | None) -> None:
        """Rebuild the route that an object of any kind has a part in."""
        if key.kind == "Function":
            self._function(key)
        elif manifest is not None:
            function = (manifest.get("spec") or {}).get("function")
            self._function(Key("Function", key.namespace, str(function)))

    def _function(self, key: Key) -> None:
        function = self._world.function(key.namespace, key.name)
        old = self._names.pop(key, None)
        if function is not None:
            self._names[key] = function.lambda_name
            self._name(key.namespace, function.lambda_name)
        if old is not None and (function is None or old != function.lambda_name):
            self._name(key.namespace, old)

    def _name(self, namespace: str, name: str) -> None:
        """Route a Lambda name to its holder, if it has one."""
        where = (namespace, name)
        before = self.routes.get(where)
        after = self._build(namespace, name, before)
        if after == before:
            return
        if after is None:
            self.routes.pop(where)
        else:
            self.routes[where] = after
        if self._on_route is not None:
            self._on_route(where, after)

    def _build(self, namespace: str, name: str, before: FunctionRoute | None) -> FunctionRoute | None:
        holder = None
        for function in self._world.called(namespace, name):
            if holder is None or older(function, holder):
                holder = function
        if holder is None:
            return None
        own = holder.metadata.name
        versions = self._world.versions(namespace, own)
        aliases = self._world.aliases(namespace, own)
        return self._build_route(holder, versions, aliases, before)
