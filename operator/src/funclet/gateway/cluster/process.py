"""A gateway's process: what it follows, where its functions' homes are, its listeners, and its end."""

import asyncio
import contextlib
import time
from collections.abc import Iterator

import aiohttp
import structlog

from funclet.api.platform import PlatformConfig
from funclet.gateway.access.accounts import Accounts
from funclet.gateway.access.open import OpenAccess
from funclet.gateway.access.port import Access
from funclet.gateway.access.tokens import TokenAccess
from funclet.gateway.cluster.contact import PodContact
from funclet.gateway.cluster.internal import InternalListener, pod_application
from funclet.gateway.cluster.snapshot import Snapshot
from funclet.gateway.code.archives import Archives
from funclet.gateway.code.door import CodeDoor
from funclet.gateway.code.origin import WebOrigin
from funclet.gateway.code.references import RECORD
from funclet.gateway.code.settings import origin_settings
from funclet.gateway.deployments.announcements import AnnouncementDoor
from funclet.gateway.deployments.lingering import BY_FUNCTION, Lingering, by_function
from funclet.gateway.deployments.raised import Whose, revision_of
from funclet.gateway.deployments.starter import BY_REVISION, KINDS, DeploymentStarter, by_revision
from funclet.gateway.follow import Follower
from funclet.gateway.gateway import Gateway
from funclet.gateway.home.door import RelayFront
from funclet.gateway.home.homes import Homes
from funclet.gateway.home.relay import Relay
from funclet.gateway.proof import load_signer
from funclet.gateway.settings import GatewaySettings as Serving
from funclet.gateway.settings import ListenerLimits
from funclet.kube.client import ClusterKube, connect
from funclet.kube.membership import Membership
from funclet.kube.port import Object
from funclet.plan.labels import FUNCTION_NAME
from funclet.plan.plan import Key
from funclet.plan.revision import Platform, Revision
from funclet.plan.route_table import RouteKey
from funclet.plan.routes import FunctionRoute
from funclet.process import keys
from funclet.process.health import health_application
from funclet.process.liveness import Liveness
from funclet.process.logs import configure_logs
from funclet.process.running import listen, on_end_signals, until_stopped
from funclet.process.settings import GatewaySettings, read_platform
from funclet.reconcile.world import informer_for

_log = structlog.get_logger(__name__)
#: seconds for which a gateway waits for the API server before it serves what it saw in its last life
_PATIENCE = 5.0
#: seconds after having become unready for which calls still come, until every Service has been told
_QUIET = 5.0
#: seconds between two looks for what nobody looks after
_TIDY = 1.0
#: the longest that a call may run: AWS's limit
_LONGEST_CALL = 900.0


class GatewayProcess:
    """One gateway of several."""

    def __init__(self, settings: GatewaySettings, config: PlatformConfig, kube: ClusterKube) -> None:
        """Raises SettingsError for keys and places of code that cannot be used."""
        places = origin_settings(settings, config.region)
        self._settings = settings
        self._kube = kube
        self._stopping = asyncio.Event()
        self._waits_for = ["the first look at all objects"]
        loop = asyncio.get_running_loop()
        platform = Platform(None, config.region, {})
        self._informer = informer_for(
            kube, kinds=(*KINDS, RECORD), indexes={BY_REVISION: by_revision, BY_FUNCTION: by_function}
        )
        self._accounts = Accounts(platform, config.default_namespace)
        self._homes = Homes(settings.identity, clock=loop.time)
        prover = load_signer([keys.read_key(settings.keys, keys.PRIVATE)])
        self._starter = DeploymentStarter(
            kube, self._informer, PodContact(prover), clock=loop.time, is_own=self._is_own
        )
        self._relay_key = keys.read_key(settings.keys, keys.RELAY)
        self._capability_key = keys.read_key(settings.keys, keys.CAPABILITY)
        self._relay = Relay(
            self._homes,
            self._relay_key,
            wall=time.time,
            backstop=lambda _: _LONGEST_CALL + 60.0,
        )
        limits = ListenerLimits(held_bytes=settings.held_megabytes << 20)
        self._gateway = Gateway(
            self._starter,
            Serving(
                host=settings.host,
                port=settings.port,
                region=config.region,
                namespace=config.default_namespace,
                listener=limits,
            ),
            accounts=self._accounts,
            access=self._access(loop),
            relay=self._relay,
            prover=prover,
        )
        self._lingering = Lingering(self._informer, self._gateway.linger)
        self._follower = Follower(self._informer, platform, self._routed)
        self._membership = Membership(
            kube,
            namespace=settings.namespace,
            release=settings.release,
            identity=settings.identity,
            address=f"{settings.pod_ip}:{settings.internal_port}",
            on_change=self._homes.update,
        )
        self._snapshot = Snapshot(settings.cache / "snapshot.json", self._informer, self._membership)
        self._dead = Liveness(kube.hearing, lambda: kube.get(self._membership.key))
        self._session = aiohttp.ClientSession(auto_decompress=False)
        self._origin = WebOrigin(places)
        self._archives = Archives(
            settings.cache / "code",
            self._informer,
            self._capability_key,
            self._origin,
            peers=self._peers,
            session=self._session,
        )

    def stop(self) -> None:
        """Make `run` drain and return."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until `stop`; then finish what runs. Raises whatever ends a part that must never end."""
        admin = await listen(
            health_application(self._gateway.metrics.registry, self._missing, self._dead),
            self._settings.admin_host,
            self._settings.admin_port,
            handler_cancellation=True,
            keepalive_timeout=75.0,
        )
        tasks = {asyncio.create_task(self._informer.run(), name="watches")}
        internal = self._internal()
        await internal.start(self._settings.admin_host, self._settings.internal_port)
        await self._membership.look()
        await self._see()
        # The others send calls as soon as they know of this gateway, so it tells them once it can take them.
        await self._membership.attempt()
        self._homes.update(self._membership.peers)
        tasks.add(asyncio.create_task(self._membership.run(), name="membership"))
        self._homes.on_change = self._moved
        self._starter.serve(self._gateway)
        self._follower.begin()
        await self._gateway.start()
        tasks.add(asyncio.create_task(self._snapshot.keep(), name="snapshot"))
        tasks.add(asyncio.create_task(self._tidy(), name="tidying"))
        self._waits_for.clear()
        try:
            await until_stopped(self._stopping, tasks)
            await self._drain()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._starter.close()
            await self._relay.close()
            await self._archives.close()
            await self._origin.close()
            await self._session.close()
            await internal.close(1.0)
            await admin.cleanup()

    async def _see(self) -> None:
        """Wait for the API server, or for the snapshot where that does not answer."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._informer.synced.wait(), _PATIENCE)
            return
        if await self._snapshot.restore():
            _log.warning("the API server does not answer; serving what was seen last")
        else:
            await self._informer.synced.wait()

    async def _drain(self) -> None:
        """Leave the others' view, take calls until they all know, finish what runs."""
        self._waits_for.append("stop")
        # Whoever is home next takes the instances; what runs here is finished here.
        await self._membership.leave()
        self._homes.leave()
        self._gateway.part()
        await asyncio.sleep(_QUIET)
        await self._gateway.stop(_LONGEST_CALL, keep_instances=True)
        await self._snapshot.write()

    def _missing(self) -> Iterator[str]:
        yield from self._waits_for

    def _access(self, loop: asyncio.AbstractEventLoop) -> Access:
        if self._settings.auth == "None":
            return OpenAccess(self._accounts)
        token = keys.read_key(self._settings.keys, keys.TOKEN).decode("ascii", "replace")
        asked = self._kube if self._settings.auth == "Kubernetes" else None
        return TokenAccess(token, asked, accounts=self._accounts, clock=loop.time)

    def _internal(self) -> InternalListener:
        relay = RelayFront(self._homes, self._relay_key, self._gateway.begin_relayed, wall=time.time)
        announcements = AnnouncementDoor(
            self._homes,
            self._capability_key,
            function_of=self._function_of,
            announced=self._starter.announced,
            session=self._session,
        )
        app = pod_application(announcements, CodeDoor(self._archives, self._capability_key))
        return InternalListener(relay, app, self._gateway.admission, peers=self._peers, wall=time.time)

    def _function_of(self, namespace: str, revision: str) -> str | None:
        """Name the function of a revision, as its Deployment says it."""
        deployment = self._informer.get(Key("Deployment", namespace, revision))
        return _function_name(deployment) if deployment is not None else None

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(_TIDY)
            self._homes.forgive()
            if self._informer.synced.is_set():
                self._starter.tidy(self._whose)

    def _whose(self, deployment: Object) -> Revision | Whose:
        """Give the routed revision that a Deployment is of, where this gateway is its home."""
        namespace, name = deployment["metadata"]["namespace"], _function_name(deployment)
        if name is None or not self._homes.is_own(namespace, name):
            return Whose.ELSEWHERE
        route = self._follower.routes.get((namespace, name))
        revisions = _revisions(route) if route is not None else ()
        key = revision_of(deployment)
        return next((each for each in revisions if each.key == key), Whose.NOBODY)

    def _peers(self) -> list[str]:
        """The internal addresses of the other gateways."""
        peers = self._membership.peers
        return [address for gateway, address in peers.items() if gateway != self._settings.identity]

    def _routed(self, where: RouteKey, route: FunctionRoute | None) -> None:
        self._gateway.update_route(where, route)
        if route is None or not self._accounts.knows(where[0]):
            self._accounts.know({namespace for namespace, _ in self._follower.routes})
        if route is not None and self._homes.is_own(*where):
            self._take_over(where, route)
        else:
            self._lingering.let_go(where)

    def _is_own(self, revision: Revision) -> bool:
        return self._homes.is_own(revision.namespace, revision.function_name)

    def _moved(self) -> None:
        """Take over the functions whose home is here now, and let go of those whose home is not."""
        self._starter.release()
        for (namespace, name), route in self._follower.routes.items():
            own = self._homes.is_own(namespace, name)
            self._gateway.set_home((namespace, name), own=own)
            if own:
                self._take_over((namespace, name), route)
            else:
                self._lingering.let_go((namespace, name))

    def _take_over(self, where: RouteKey, route: FunctionRoute) -> None:
        """Look after a function's pods, and take note of those that go."""
        revisions = _revisions(route)
        self._lingering.take_over(where, [each.key for each in revisions])
        self._starter.adopt(revisions)


def _function_name(deployment: Object) -> str | None:
    name = (deployment["metadata"].get("annotations") or {}).get(FUNCTION_NAME)
    return name if isinstance(name, str) else None


def _revisions(route: FunctionRoute) -> list[Revision]:
    return [each for each in (*route.versions.values(), route.serving) if isinstance(each, Revision)]


async def serve(settings: GatewaySettings) -> None:
    """Run a gateway until SIGTERM or SIGINT. Raises SettingsError, NoClusterError."""
    configure_logs(settings.log_format)
    kube = await connect(namespaces=settings.namespaces)
    try:
        process = GatewayProcess(settings, read_platform(settings.platform), kube)
        on_end_signals(process.stop)
        await process.run()
    finally:
        await kube.close()
