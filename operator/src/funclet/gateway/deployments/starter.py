"""Makes instances on a cluster: raises a revision's Deployment, takes pods as they come, lowers it again."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

import structlog

from funclet.api.values import parse_duration
from funclet.gateway.deployments.book import Book, Seen
from funclet.gateway.deployments.pods import PodFacts, read_pod
from funclet.gateway.deployments.ports import Contact, Reached, Taker, Writes
from funclet.gateway.deployments.raised import Raised, Whose, replicas_of, revision_of
from funclet.gateway.failure import MOVED
from funclet.gateway.ports import Instance, StartError, TcpAddress
from funclet.kube.clock import timestamp
from funclet.kube.cluster_port import ForbiddenError
from funclet.kube.informer import Informer
from funclet.kube.objects import key_of
from funclet.kube.port import KubeError, NotFoundError, Object
from funclet.plan import reasons
from funclet.plan.plan import Key
from funclet.plan.pod_failure import pod_failure
from funclet.plan.pod_settings import INVOKE_PORT
from funclet.plan.revision import Revision
from funclet.plan.routes import LATEST, Unavailable

_log = structlog.get_logger(__name__)

MANAGER = "funclet-gateway"
#: an index of the informer: Deployments and Pods by the revision that they belong to
BY_REVISION = "revision"
KINDS = ("Deployment", "Pod")

_SWEEP = 0.25
#: seconds between two looks at a pod that cannot be dialled yet: first, and longest
_FIRST_PROBE = 0.02
_LONGEST_PROBE = 0.5
#: seconds after which a wish or a scale that had no effect is sent again
_RESEND = 2.0
#: seconds between two writes while the API server takes none
_LONGEST_PAUSE = 4.0
#: seconds after which a pod that runs and cannot be dialled is given up
_UNREACHED = 20.0
_SILENT = Unavailable(
    reasons.NOT_REACHED,
    "the pod runs and gateways do not reach it on port 8901; check the network policies of its namespace, and that "
    "the keys of the installation are those that it was made with",
)
#: seconds beyond timeout and quiet period in which a retired pod is gone
_GOING = 60.0


@dataclass(slots=True)
class _Running:
    """One revision whose pods this gateway holds."""

    revision: Revision
    book: Book = field(default_factory=Book)
    starts: dict[int, asyncio.Future[Instance]] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    #: where pods say that they listen, by uid
    announced: dict[str, str] = field(default_factory=dict)
    #: done when another gateway is home
    released: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    probing: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    writing: asyncio.Task[None] | None = None
    #: pods that were ever dialled
    reached: set[str] = field(default_factory=set)
    #: since when each pod that is not held has been running
    running_since: dict[str, float] = field(default_factory=dict)
    #: what was last written, and when: the same is not sent again before its effect can be seen
    written: tuple[int, float] | None = None
    wished: float | None = None
    #: seconds until the next write, after the API server took none, and until when that is
    pause: float = 0.0
    paused_until: float = 0.0


def wished(owner: Object, revision: str, now: str) -> dict[str, str | None]:
    """Wish for one revision, and no more for those that its owner is past: there is room for 64."""
    status = owner.get("status") or {}
    kept = {revision, *(status.get(name) for name in ("latestRevision", "servingRevision", "revision"))}
    stale = {key: None for key in status.get("wanted") or () if key not in kept}
    return {**stale, revision: now}


class DeploymentStarter:
    """A Starter over Deployments. Only the home of a function may have one of its revisions started."""

    def __init__(
        self,
        kube: Writes,
        informer: Informer,
        contact: Contact,
        *,
        clock: Callable[[], float],
        is_own: Callable[[Revision], bool] = lambda _: True,
    ) -> None:
        """`is_own`: whether this gateway is the home of a revision's function; elsewhere nothing is started."""
        self._kube = kube
        self._informer = informer
        self._contact = contact
        self._clock = clock
        self._is_own = is_own
        self._taker: Taker | None = None
        self._running: dict[str, _Running] = {}
        self._raised = Raised()
        self._numbers = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeping: asyncio.TimerHandle | None = None
        informer.subscribe(self._changed)
        for known in informer.dump():
            self._changed(key_of(known), None, known)

    def serve(self, taker: Taker) -> None:
        """Begin; `taker` gets the instances that nobody asked for."""
        self._taker = taker
        self._sweep()

    async def close(self) -> None:
        """Let go of everything; pods stay as they are, for whoever is home next."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        for running in list(self._running.values()):
            self._let_go(running)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    # -- Starter

    async def start(self, revision: Revision) -> Instance:
        """Ask for one more pod and wait until one can be dialled. Raises StartError."""
        if not self._is_own(revision):
            # It was decided while this gateway was the home; two that write one scale would never agree.
            raise _moved()
        running = self._of(revision)
        number = next(self._numbers)
        over: asyncio.Future[Instance] = asyncio.get_running_loop().create_future()
        running.starts[number] = over
        running.book.begin(number)
        self._settle(running)
        try:
            return await over
        finally:
            running.starts.pop(number, None)
            running.book.give_up(number)

    async def stop(self, instance: Instance) -> None:
        """Retire a pod and wait until it is gone; one of another home is left alone. Never raises."""
        running = self._running.get(instance.revision.key)
        uid = instance.pod_uid or ""
        if running is None or running.instances.get(uid) is not instance:
            return
        running.book.retire(uid)
        if not await self._contact.retire(instance):
            # It cannot be reached, so nobody else reaches it either.
            running.book.see_unready(uid)
        self._settle(running)
        limit = parse_duration(instance.revision.settings.timeout) + _GOING
        over = (instance.ended, running.released)
        await asyncio.wait(over, timeout=limit, return_when=asyncio.FIRST_COMPLETED)

    # -- homes

    def adopt(self, revisions: Iterable[Revision]) -> None:
        """Look after these revisions: take the pods that are there, and keep the scale of their Deployments."""
        for revision in revisions:
            deployment = self._deployment(revision)
            if deployment is not None and replicas_of(deployment):
                self._settle(self._of(revision))

    def release(self) -> None:
        """Let go of all revisions whose home is another gateway now; their pods stay."""
        for running in list(self._running.values()):
            if not self._is_own(running.revision):
                self._let_go(running)

    def tidy(self, whose: Callable[[Object], Revision | Whose]) -> None:
        """Take what was raised and is not looked after: one that is routed is adopted, one of nobody lowered."""
        for key in self._raised.left_alone(self._running.keys(), self._clock()):
            deployment = self._informer.get(key)
            found = whose(deployment) if deployment is not None else Whose.ELSEWHERE
            if isinstance(found, Revision):
                self.adopt([found])
            elif found is Whose.ELSEWHERE:
                self._raised.excuse(key)
            elif self._raised.is_due(key, self._clock()):
                _log.info("lowering a Deployment that no route leads to", deployment=key.name)
                self._raised.excuse(key)
                self._background(self._lower(key))

    def announced(self, pod: Key, uid: str, address: str) -> bool:
        """Take note that a pod says it listens; False where the store has no such pod of a revision that runs here.

        Nothing is believed but the address, and that only as far as the proof goes.
        """
        known = self._informer.get(pod)
        facts = read_pod(known) if known is not None else None
        if facts is None or facts.uid != uid or facts.leaving or not facts.bound:
            return False
        running = self._running.get(facts.revision)
        if running is None:
            return False
        running.announced[uid] = address
        self._settle(running)
        return True

    # -- how

    def _of(self, revision: Revision) -> _Running:
        return self._running.setdefault(revision.key, _Running(revision))

    def _let_go(self, running: _Running) -> None:
        self._running.pop(running.revision.key, None)
        if not running.released.done():
            running.released.set_result(None)
        for probe in running.probing.values():
            probe.cancel()
        for over in running.starts.values():
            if not over.done():
                over.set_exception(_moved())

    def _changed(self, key: Key, before: Object | None, after: Object | None) -> None:
        manifest = after if after is not None else before
        if manifest is None or key.kind not in KINDS:
            return
        if key.kind == "Deployment":
            self._raised.see(key, after)
        running = self._running.get(revision_of(manifest) or "")
        if running is not None:
            self._settle(running)

    def _sweep(self) -> None:
        self._sweeping = asyncio.get_running_loop().call_later(_SWEEP, self._sweep)
        for running in list(self._running.values()):
            self._settle(running)

    def _settle(self, running: _Running) -> None:
        """Bring the book into step with the store, and the scale into step with the book."""
        if self._running.get(running.revision.key) is not running:
            return
        pods = self._pods(running.revision)
        facts = {pod.uid: pod for each in pods if (pod := read_pod(each)) is not None}
        self._follow_held(running, facts)
        deployment = self._deployment(running.revision)
        running.reached &= facts.keys()
        # A pod that was reached had started: what ended it afterwards says nothing about the next one.
        unreached = [each for each in pods if each["metadata"]["uid"] not in running.reached]
        failure = pod_failure(unreached, deployment, timestamp())
        fresh = [pod for pod in facts.values() if pod.uid not in running.instances and not pod.leaving]
        for pod in fresh:
            self._probe(running, pod)
        silent = self._silent(running, fresh)
        failure = failure or (_SILENT if silent else None)
        coming = [
            pod
            for pod in fresh
            if pod.uid not in silent and (failure in {None, _SILENT} or pod.is_past(failure.reason))
        ]
        if failure is not None and running.starts:
            self._fail(running, failure, but=len(coming))
        if deployment is None:
            self._wish(running)
        else:
            settling = sum(
                not pod.ready and not pod.leaving and uid not in running.book.retiring
                for uid, pod in facts.items()
                if uid in running.instances
            )
            self._scale(running, deployment, Seen(replicas_of(deployment), len(coming), settling))
        if running.book.is_empty and not running.instances and not fresh and not replicas_of(deployment):
            self._running.pop(running.revision.key, None)

    def _follow_held(self, running: _Running, facts: dict[str, PodFacts]) -> None:
        running.announced = {uid: each for uid, each in running.announced.items() if uid in facts}
        for uid, instance in list(running.instances.items()):
            pod = facts.get(uid)
            if pod is None or pod.ended is not None:
                running.book.lose(uid)
                running.left.discard(uid)
                del running.instances[uid]
                if not instance.ended.done():
                    instance.ended.set_result("the pod is gone" if pod is None else pod.ended or "")
            elif pod.leaving and uid not in running.left:
                # It is no replica any more: a pod that is needed now is another one.
                running.book.lose(uid)
                running.left.add(uid)
                if self._taker is not None:
                    self._taker.leaving(instance)
            if pod is not None and not pod.ready:
                running.book.see_unready(uid)

    def _silent(self, running: _Running, fresh: list[PodFacts]) -> set[str]:
        """Find pods whose container has long been running, and that no dial reached."""
        now = self._clock()
        known = running.running_since
        running.running_since = {pod.uid: known.get(pod.uid, now) for pod in fresh if pod.running}
        return {uid for uid, since in running.running_since.items() if now - since >= _UNREACHED}

    def _probe(self, running: _Running, pod: PodFacts) -> None:
        """Dial a pod until it answers: it may have an address before its supervisor listens."""
        if pod.uid in running.probing or not _addresses(running, pod):
            return
        task = self._spawn(self._reach(running, pod))
        running.probing[pod.uid] = task
        task.add_done_callback(lambda _: running.probing.pop(pod.uid, None))

    async def _reach(self, running: _Running, pod: PodFacts) -> None:
        pause = _FIRST_PROBE
        while True:
            for address in _addresses(running, pod):
                reached = await self._contact.reach(address, pod.uid, running.revision.key)
                if reached is not Reached.NOT:
                    self._arrive(running, pod, address, ready=reached is Reached.READY)
                    return
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PROBE, pause * 1.5)
            known = self._informer.get(pod.key)
            facts = read_pod(known) if known is not None else None
            if facts is None or facts.uid != pod.uid or facts.leaving:
                return
            pod = facts

    def _arrive(self, running: _Running, pod: PodFacts, address: TcpAddress, *, ready: bool) -> None:
        if self._running.get(running.revision.key) is not running:
            return
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        instance = Instance(pod.key.name, running.revision, address, ended, pod.uid, ready=ready)
        running.instances[pod.uid] = instance
        running.reached.add(pod.uid)
        number = running.book.arrive(pod.uid)
        over = running.starts.pop(number) if number is not None and number in running.starts else None
        if over is not None and not over.done():
            over.set_result(instance)
        elif self._taker is None or not self._taker.appeared(instance):
            self._background(self.stop(instance))
        self._settle(running)

    def _fail(self, running: _Running, failure: Unavailable, *, but: int = 0) -> None:
        """Fail the starts, but so many of the first: pods come for them all the same."""
        for number, over in list(running.starts.items())[but:]:
            running.book.give_up(number)
            if not over.done():
                over.set_exception(StartError(failure.reason, failure.message))

    # -- writes

    def _wish(self, running: _Running) -> None:
        """Ask the operator for a Deployment, again until it is seen."""
        now = self._clock()
        if not running.starts or (running.wished is not None and now - running.wished < _RESEND):
            return
        owner = self._owner(running.revision)
        if owner is None:
            gone = Unavailable("FunctionNotFound", "the function, or this version of it, is gone")
            self._fail(running, gone)
            return
        running.wished = now
        wishes = wished(self._informer.get(owner) or {}, running.revision.key, timestamp())
        self._background(self._write(running, lambda: self._kube.want(owner, wishes, manager=MANAGER)))

    def _scale(self, running: _Running, deployment: Object, seen: Seen) -> None:
        now = self._clock()
        wanted = running.book.scale(seen, now)
        if wanted is None or running.writing is not None or now < running.paused_until:
            return
        if running.written is not None:
            last, when = running.written
            if last == wanted and now - when < _RESEND:
                return
        running.written = (wanted, now)
        running.writing = self._spawn(
            self._write(running, lambda: self._kube.scale(key_of(deployment), wanted, manager=MANAGER))
        )
        running.writing.add_done_callback(lambda _: self._scaled(running))

    def _scaled(self, running: _Running) -> None:
        running.writing = None

    async def _write(self, running: _Running, write: Callable[[], Awaitable[None]]) -> None:
        """Write; what fails is tried again, later each time, and a refusal is told to who waits."""
        try:
            await write()
            running.pause = 0.0
        except ForbiddenError as error:
            running.written = None
            self._fail(running, Unavailable("Forbidden", f"the API server refuses: {error}"))
        except NotFoundError:
            running.written = None
        except KubeError as error:
            running.written = None
            running.pause = min(_LONGEST_PAUSE, max(_SWEEP, running.pause * 2))
            running.paused_until = self._clock() + running.pause
            _log.warning(
                "the API server did not take a write", revision=running.revision.key, error=str(error)
            )

    async def _lower(self, key: Key) -> None:
        try:
            await self._kube.scale(key, 0, manager=MANAGER)
        except NotFoundError:
            return
        except KubeError as error:
            _log.warning("the API server did not take a write", deployment=key.name, error=str(error))

    # -- reading

    def _pods(self, revision: Revision) -> list[Object]:
        return [each for each in self._find(revision) if each["kind"] == "Pod"]

    def _deployment(self, revision: Revision) -> Object | None:
        found = self._informer.get(Key("Deployment", revision.namespace, revision.key))
        return found if found is not None and revision_of(found) == revision.key else None

    def _find(self, revision: Revision) -> list[Object]:
        return self._informer.find(BY_REVISION, (revision.namespace, revision.key))

    def _owner(self, revision: Revision) -> Key | None:
        if revision.version == LATEST:
            key = Key("Function", revision.namespace, revision.function)
            return key if self._informer.get(key) is not None else None
        for version in self._informer.find("of", ("FunctionVersion", revision.namespace, revision.function)):
            if (version.get("status") or {}).get("revision") == revision.key:
                return key_of(version)
        return None

    def _background(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(task := asyncio.get_running_loop().create_task(coroutine))
        task.add_done_callback(self._tasks.discard)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def by_revision(manifest: Object) -> list[tuple[str, str]]:
    """Index Deployments and Pods by namespace and revision."""
    revision = revision_of(manifest) if manifest["kind"] in KINDS else None
    return [] if revision is None else [(manifest["metadata"]["namespace"], revision)]


def _addresses(running: _Running, pod: PodFacts) -> list[TcpAddress]:
    """Where a pod may be: it says so itself before the kubelet does, and neither is believed without proof."""
    told = (running.announced.get(pod.uid), pod.address if pod.running else None)
    return [TcpAddress(each, INVOKE_PORT) for each in dict.fromkeys(told) if each is not None]


def _moved() -> StartError:
    return StartError(MOVED.reason, MOVED.message)
