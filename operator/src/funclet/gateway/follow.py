"""Follows the resources on a cluster: routes out of statuses, rebuilt one function at a time."""

from collections.abc import Mapping, Sequence

from funclet.api.alias import Alias
from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.kube.informer import Informer
from funclet.kube.objects import key_of
from funclet.kube.port import Object
from funclet.plan.followed import followed_route
from funclet.plan.plan import Key
from funclet.plan.revision import Platform
from funclet.plan.route_table import RouteKey
from funclet.plan.routes import FunctionRoute
from funclet.reconcile.route_keeper import OnRoute, RouteKeeper
from funclet.reconcile.world import KINDS, World


class Follower:
    """The routes of all functions; `on_route` is told of each change once `begin` was called."""

    def __init__(self, informer: Informer, platform: Platform, on_route: OnRoute) -> None:
        self._informer = informer
        self._platform = platform
        self._keeper = RouteKeeper(World(informer), self._build, on_route)

    @property
    def routes(self) -> Mapping[RouteKey, FunctionRoute]:
        """What can be called, by namespace and Lambda name."""
        return self._keeper.routes

    def begin(self) -> None:
        """Build all routes from what the informer has, and follow it from now on."""
        self._informer.subscribe(self._changed)
        for manifest in self._informer.dump():
            if manifest["kind"] == "Function":
                self._keeper.refresh(key_of(manifest), manifest)

    def _changed(self, key: Key, before: Object | None, after: Object | None) -> None:
        if key.kind in KINDS:
            self._keeper.refresh(key, after if after is not None else before)

    def _build(
        self,
        function: Function,
        versions: Sequence[FunctionVersion],
        aliases: Sequence[Alias],
        before: FunctionRoute | None,
    ) -> FunctionRoute:
        return followed_route(function, versions, aliases, self._platform, before)
