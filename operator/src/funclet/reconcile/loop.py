"""The loop: read, plan, delete, status_before, apply, route, status if it differs, events.

What is refused on the way is planned around: the look goes on without it, and the status says so.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from funclet.api.alias import Alias
from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.kube.clock import timestamp
from funclet.kube.cluster_port import UnreachableError
from funclet.kube.objects import controller_uid, key_of
from funclet.kube.port import ConflictError, KubeError, KubePort, NotFoundError, Object
from funclet.plan import reasons
from funclet.plan.plan import Event, Key, Plan
from funclet.plan.refusals import Refused
from funclet.plan.revision import Platform, Revision
from funclet.plan.route_table import build_route, keep_serving
from funclet.plan.routes import LATEST, FunctionRoute
from funclet.plan.shown import shown
from funclet.reconcile.children import KINDS, ChildrenKeeper
from funclet.reconcile.planning import Planning
from funclet.reconcile.queue import KeyQueue
from funclet.reconcile.refusals import NotOwnedError, RefusedWrites, refused
from funclet.reconcile.related import related
from funclet.reconcile.route_keeper import OnRoute, RouteKeeper
from funclet.reconcile.sources import CodeSource, NoRevisions, RevisionStates
from funclet.reconcile.statuses import WrittenStatuses
from funclet.reconcile.world import World, informer_for

MANAGER = "funclet"
WORKERS = 8
#: seconds until an object is looked at again for which something is gone that was to be changed
_GONE = 1.0
#: told of each failure: which object, what happened, seconds until the next try
OnError = Callable[[Key, Exception, float], None]


@dataclass(slots=True)
class _Look:
    """What one look at an object has come to."""

    #: what is not tried again yet, and what was refused in this look
    refused: dict[Key, Refused]
    #: what was written, or tried
    tried: set[Key] = field(default_factory=set)
    #: what refused it
    errors: list[KubeError] = field(default_factory=list)
    #: seconds
    requeue: list[float] = field(default_factory=list)

    def begins(self, key: Key) -> bool:
        """Whether an object is to be written now: once in a look, and not before its time."""
        if key in self.refused or key in self.tried:
            return False
        self.tried.add(key)
        return True


class Reconciler:
    """Brings what is into step with what is wanted, for every object, again and again."""

    def __init__(
        self,
        kube: KubePort,
        platform: Platform,
        code: CodeSource,
        revisions: RevisionStates | None = None,
        *,
        on_route: OnRoute | None = None,
        on_error: OnError | None = None,
        now: Callable[[], str] = timestamp,
        queue: KeyQueue | None = None,
        children: ChildrenKeeper | None = None,
        allowed: asyncio.Event | None = None,
    ) -> None:
        """`on_route` and `on_error` are called in the event loop, and must not block or raise.

        With `children`, revisions have Deployments. Where `allowed` is not set, changes wait until it is.
        """
        kinds, indexes = (KINDS, children.indexes) if children is not None else ((), {})
        self.informer = informer_for(kube, kinds=kinds, indexes=indexes)
        self._kube = kube
        self._children = children
        self._platform = platform
        self._now = now
        self._on_error = on_error
        self._queue = queue or KeyQueue()
        self._refusals = RefusedWrites()
        self._statuses = WrittenStatuses()
        world = World(self.informer)
        self._planning = Planning(world, platform, code, revisions or NoRevisions(), children)
        self._routes = RouteKeeper(world, self._build_route, on_route)
        self._stopping = asyncio.Event()
        self._allowed = allowed
        self.informer.subscribe(self._changed)

    @property
    def routes(self) -> Mapping[tuple[str, str], FunctionRoute]:
        """What can be called, by namespace and Lambda name; always the present one."""
        return self._routes.routes

    @property
    def idle(self) -> bool:
        """Whether all that is known has been dealt with; what waits for a retry does not count."""
        return self.informer.synced.is_set() and self._queue.idle

    @property
    def queued(self) -> int:
        """How many objects wait to be looked at."""
        return len(self._queue)

    async def run(self, *, watching: bool = True) -> None:
        """Work until `stop`; without `watching`, somebody else feeds the informer."""
        watch = self.informer.run() if watching else self._stopping.wait()
        watcher: asyncio.Task[object] = asyncio.create_task(watch)
        workers = [asyncio.create_task(self._work()) for _ in range(WORKERS)]
        try:
            stopping = asyncio.create_task(self._stopping.wait())
            # None of these ends by itself: whichever does so failed, and that is told to whoever runs this.
            await asyncio.wait({stopping, watcher, *workers}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._queue.close()
            for task in (stopping, watcher, *workers):
                task.cancel()
            ended = await asyncio.gather(stopping, watcher, *workers, return_exceptions=True)
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome

    def stop(self) -> None:
        """Make `run` return; what is under way is broken off, and done again by the next run."""
        self._stopping.set()

    def forget(self) -> None:
        """Forget what this process found out: another may have written all of it meanwhile."""
        self._refusals.clear()
        if self._children is not None:
            self._children.clear()

    def poke(self, key: Key) -> None:
        """Have an object looked at again, because something outside of the API changed."""
        self._queue.add(key)

    def poke_revision(self, revision: Revision) -> None:
        """Have whatever tells of this revision looked at: its instances changed, or it cannot start."""
        self.poke(Key("Function", revision.namespace, revision.function))
        if revision.version != LATEST:
            for manifest in self.informer.find(
                "of", ("FunctionVersion", revision.namespace, revision.function)
            ):
                if manifest["spec"].get("version") == revision.version:
                    self.poke(key_of(manifest))

    def _build_route(
        self,
        function: Function,
        versions: Sequence[FunctionVersion],
        aliases: Sequence[Alias],
        before: FunctionRoute | None,
    ) -> FunctionRoute:
        route = build_route(function, versions, aliases, self._platform, self._planning.known_code)
        latest = self._planning.admissible(function, route.versions[LATEST])
        return keep_serving(replace(route, versions={**route.versions, LATEST: latest}), before)

    def _changed(self, key: Key, before: Object | None, after: Object | None) -> None:
        for each in related(key, before, after, self.informer.find):
            self._queue.add(each)
        if after is None:
            # Nothing will be planned for it, and calls to it must end now.
            self._routes.refresh(key, before)

    async def _work(self) -> None:
        await self.informer.synced.wait()
        while True:
            key = await self._queue.get()
            try:
                if self._allowed is not None:
                    await self._allowed.wait()
                await self._attempt(key)
            finally:
                self._queue.done(key)

    async def _attempt(self, key: Key) -> None:
        try:
            requeue_after = await self.reconcile(key)
        except Exception as error:  # noqa: BLE001 - whatever fails, the other objects go on and this one is retried
            first = self._queue.failures(key) == 0
            delay = self._queue.retry(key)
            if self._on_error is not None:
                self._on_error(key, error, delay)
            if first:
                with contextlib.suppress(Exception):
                    await self._kube.record(
                        key, Event("Warning", reasons.RECONCILE_FAILED, shown(str(error)))
                    )
        else:
            self._queue.forget(key)
            if requeue_after is not None:
                self._queue.add_after(key, requeue_after)

    async def reconcile(self, key: Key) -> float | None:
        """Do what the plan for this object says; gives the seconds after which to look again.

        What the API server refuses is told in the status, stops nothing else, and is tried again later.
        """
        if self._children is not None:
            await self._children.look_again(key)
        before = self.informer.get(key)
        look = _Look(self._refusals.standing(before) if before is not None else {})
        plan = await self._planning.plan(key, self._now(), look.refused)
        while plan is not None and before is not None and not await self._carry_out(key, plan, look):
            plan = await self._planning.plan(key, self._now(), look.refused)
        if plan is None or before is None:
            self._refusals.forget(key)
            self._statuses.forget(key)
            return None
        # A status says what can be called, so the route comes first.
        self._routes.refresh(key, self.informer.get(key))
        if plan.status is not None:
            await self._write_status(key, plan.status)
        for event in plan.events:
            await self._kube.record(key, event)
        again = self._refusals.keep(before, look.refused, look.tried)
        if self._on_error is not None:
            for error in look.errors:
                self._on_error(key, error, again or 0.0)
        waits = (plan.requeue_after, again, *look.requeue)
        return min((wait for wait in waits if wait is not None), default=None)

    async def _carry_out(self, key: Key, plan: Plan, look: "_Look") -> bool:
        """Write what the plan says but for the status; False once something is refused: the plan is another then."""
        for gone in plan.deletes:
            if not await self._delete(gone, look):
                return False
        if plan.status_before is not None:
            await self._write_status(key, plan.status_before)
        if self._children is not None:
            await self._create(self._children, plan.creates, look)
        for manifest in plan.applies:
            if not await self._apply(manifest, look):
                return False
        return True

    async def _create(
        self, children: ChildrenKeeper, creates: Sequence[Mapping[str, Any]], look: "_Look"
    ) -> None:
        """Make children; the next look tells of one that cannot be made."""
        for manifest in creates:
            if not look.begins(key_of(manifest)):
                continue
            made = await children.create(manifest)
            if isinstance(made, float):
                look.requeue.append(made)
            else:
                self.informer.put(made)

    async def _delete(self, key: Key, look: "_Look") -> bool:
        known = self.informer.get(key)
        if known is None or not look.begins(key):
            return True
        try:
            await self._kube.delete(key, uid=known["metadata"].get("uid"))
        except (NotFoundError, ConflictError):
            # It is gone; what has its name by now is another's.
            return True
        except KubeError as error:
            return self._refused(key, "deleted", error, look)
        return True

    def _refused(self, key: Key, what: str, error: KubeError, look: "_Look") -> bool:
        """Take note of a refusal; gives False. Raises where nothing at all can be written now."""
        if isinstance(error, UnreachableError):
            raise error
        look.refused[key] = refused(key, what, error)
        look.errors.append(error)
        return False

    async def _write_status(self, key: Key, status: Mapping[str, Any]) -> None:
        known = self.informer.get(key)
        if known is None or self._statuses.stands(known, status):
            return
        # An object that is gone needs no status.
        with contextlib.suppress(NotFoundError):
            written = await self._kube.patch_status(key, status, manager=MANAGER)
            self._statuses.written(written, status)
            self.informer.put(written)

    async def _apply(self, manifest: Mapping[str, Any], look: "_Look") -> bool:
        key = key_of(manifest)
        if not look.begins(key):
            return True
        known = self.informer.get(key)
        maker = controller_uid(manifest)
        try:
            if known is not None and maker is not None and controller_uid(known) != maker:
                raise NotOwnedError("an object of this name is there and not Funclet's; delete or rename it")
            applied = await self._kube.apply(manifest, manager=MANAGER)
        except KubeError as error:
            if isinstance(error, ConflictError) and "uid" in manifest["metadata"]:
                # The object that it was for is gone, as the watch will tell.
                look.requeue.append(_GONE)
                return True
            return self._refused(key, "applied", error, look)
        self.informer.put(applied)
        if self._children is not None:
            self._children.applied(manifest, applied, self._now())
        return True
