"""The operator's process: Lease, watches, reconcile loop, and the administration listener."""

import asyncio
import time
from collections.abc import Iterator

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge

from funclet.api.platform import PlatformConfig
from funclet.controllers.feed import KopfFeed
from funclet.controllers.leading import FRESH, LeadersKube, NotLeadingError
from funclet.kube.client import ClusterKube, connect
from funclet.kube.hearing import Misses
from funclet.kube.leadership import Leadership
from funclet.kube.lease import RELEASE
from funclet.kube.port import KubeError
from funclet.plan.images import resolved_runtimes
from funclet.plan.plan import Key
from funclet.plan.pod_settings import Cluster, GatewayKey
from funclet.plan.revision import Platform
from funclet.process import keys
from funclet.process.health import health_application
from funclet.process.liveness import Liveness
from funclet.process.logs import configure_logs
from funclet.process.running import listen, on_end_signals, until_stopped
from funclet.process.settings import OperatorSettings, read_platform
from funclet.reconcile.children import ChildrenKeeper
from funclet.reconcile.loop import Reconciler
from funclet.reconcile.named_code import NamedCode

_log = structlog.get_logger(__name__)
#: seconds between two looks at everything, which find what every watch has missed
RESYNC = 300.0
#: seconds in which a list by the watches comes to its end
_SETTLED = 2.0
#: seconds between two looks at whether the Lease still holds
_LEASE_LOOK = 0.5
#: seconds in which the loop comes to an end, and then the watches
_GRACE = 5.0


class Operator:
    """One operator; several may run, and one of them writes."""

    def __init__(self, settings: OperatorSettings, config: PlatformConfig, kube: ClusterKube) -> None:
        """Raises SettingsError for keys that cannot be used."""
        self._settings = settings
        self._kube = kube
        self._stopping = asyncio.Event()
        self._leads = asyncio.Event()
        #: in which term of leading everything was looked at
        self._looked_in = 0
        #: something may have changed that nobody was told of
        self._missed = asyncio.Event()
        self._lease = f"{settings.release}-operator"
        lease = Key("Lease", settings.namespace, self._lease)
        self._leadership = Leadership(
            kube, lease, settings.identity, labels={RELEASE: settings.release}, clock=time.monotonic
        )
        self._misses = Misses()
        self._dead = Liveness(self._misses, lambda: kube.get(lease))
        leaders = LeadersKube(kube, self._leadership)
        self._reconciler = Reconciler(
            leaders,
            Platform(None, config.region, resolved_runtimes(config)),
            NamedCode(),
            children=ChildrenKeeper(leaders, _cluster(settings, config)),
            on_error=_tell,
            allowed=self._leads,
        )
        informer = self._reconciler.informer
        self._feed = KopfFeed(
            informer,
            informer.kinds,
            settings.namespaces,
            on_listed=self._missed.set,
            on_heard=self._misses.heard,
        )

    def stop(self) -> None:
        """Make `run` return; whatever is under way is finished by the next operator."""
        self._stopping.set()

    async def run(self) -> None:
        """Run until `stop`. Raises whatever ends a part that must never end."""
        admin = await self._serve_admin()
        parts = {
            "lease": self._leadership.run(),
            "leading": self._follow_lease(),
            "watches": self._feed.run(),
            "looks": self._look_again_and_again(),
            "loop": self._reconciler.run(watching=False),
        }
        tasks = {name: asyncio.create_task(part, name=name) for name, part in parts.items()}
        try:
            await until_stopped(self._stopping, tasks.values())
            self._reconciler.stop()
            await asyncio.wait({tasks["loop"]}, timeout=_GRACE)
        finally:
            watches = tasks.pop("watches")
            for task in tasks.values():
                task.cancel()
            await asyncio.wait(tasks.values(), timeout=_GRACE)
            # Another need not wait for the rest.
            await self._leadership.release()
            self._feed.stop()
            await asyncio.wait({watches}, timeout=_GRACE)
            await admin.cleanup()

    async def _follow_lease(self) -> None:
        """Let the loop work while the Lease is held, once it has looked at everything since it came."""
        while True:
            leads = self._leadership.holds(FRESH)
            if leads and not self._leads.is_set():
                await self._begin_to_lead()
            elif not leads and self._leads.is_set():
                _log.info("not leading any more", lease=self._lease)
                self._leads.clear()
            if not leads:
                await self._leadership.acquired()
            if not leads and self._leadership.holds(FRESH):
                continue
            await asyncio.sleep(_LEASE_LOOK)

    async def _begin_to_lead(self) -> None:
        """See what the one before wrote, of which the watches may not have told yet.

        Where the Lease was only renewed late, nobody wrote meanwhile.
        """
        term = self._leadership.terms
        if term != self._looked_in:
            await self._look()
            self._reconciler.forget()
        if self._leadership.holds(FRESH) and self._leadership.terms == term:
            _log.info("leading", lease=self._lease)
            self._looked_in = term
            self._leads.set()

    async def _look_again_and_again(self) -> None:
        """List everything at first, after whatever may have been missed, and now and then.

        Kopf tells neither when its own list is over, nor what is not in it any more.
        """
        while True:
            await self._look()
            try:
                await asyncio.wait_for(self._missed.wait(), RESYNC)
            except TimeoutError:
                continue
            await asyncio.sleep(_SETTLED)
            self._missed.clear()

    async def _look(self) -> None:
        pause = 0.2
        while True:
            try:
                missed = await self._reconciler.informer.resync()
            except KubeError as error:
                _log.warning("the API server does not answer", error=str(error), again_in=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 10.0)
            else:
                for kind in missed:
                    self._misses.missed(kind)
                return

    async def _serve_admin(self) -> web.AppRunner:
        registry = CollectorRegistry()
        leading = Gauge("funclet_leading", "Whether this operator holds the Lease.", registry=registry)
        leading.set_function(lambda: float(self._leadership.holds(FRESH)))
        queued = Gauge("funclet_queued_objects", "Objects that wait to be looked at.", registry=registry)
        queued.set_function(lambda: float(self._reconciler.queued))
        app = health_application(registry, self._waits_for, self._dead)
        return await listen(app, self._settings.admin_host, self._settings.admin_port)

    def _waits_for(self) -> Iterator[str]:
        if not self._reconciler.informer.synced.is_set():
            yield "the first look at all objects"


def _cluster(settings: OperatorSettings, config: PlatformConfig) -> Cluster:
    public = keys.read_public_key(settings.keys)
    numbers = public.public_numbers()
    return Cluster(
        config=config,
        capability_key=keys.read_key(settings.keys, keys.CAPABILITY),
        gateway_keys=(GatewayKey(keys.key_id(public), numbers.n, numbers.e),),
    )


def _tell(key: Key, error: Exception, delay: float) -> None:
    if isinstance(error, NotLeadingError):
        return
    _log.warning(
        "reconcile failed", kind=key.kind, namespace=key.namespace, name=key.name, error=str(error),
        again_in=round(delay, 1), exc_info=None if isinstance(error, KubeError) else error,
    )  # fmt: skip


async def serve(settings: OperatorSettings) -> None:
    """Run an operator until SIGTERM or SIGINT. Raises SettingsError, NoClusterError."""
    configure_logs(settings.log_format)
    kube = await connect(namespaces=settings.namespaces)
    try:
        operator = Operator(settings, read_platform(settings.platform), kube)
        on_end_signals(operator.stop)
        await operator.run()
    finally:
        await kube.close()
