"""A Lease for each gateway: who is alive, and where."""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

from funclet.kube.clock import utc_now
from funclet.kube.cluster_port import ClusterPort
from funclet.kube.lease import RELEASE, Sighting, Sightings, lease_manifest
from funclet.kube.port import KubeError, Object
from funclet.plan.plan import Key

#: where a gateway's internal listener is, `IP:PORT`
ADDRESS = "funclet.dev/address"
#: seconds that a gateway counts as alive without a word
DURATION = 10.0
#: seconds between renewals, and between looks at the others
RENEW = 2.0
#: seconds after its Lease ran out after which a gateway's Lease is removed
LONG_DEAD = 60.0
#: seconds that a renewal and a look may take
_PATIENCE = 5.0
_MANAGER = "funclet-gateway"
_COMPONENT = {"app.kubernetes.io/component": "gateway"}


class Membership:
    """This gateway among the others. While the API server is away, the last view stands."""

    def __init__(
        self,
        kube: ClusterPort,
        *,
        namespace: str,
        identity: str,
        address: str,
        release: str = "funclet",
        duration: float = DURATION,
        renew: float = RENEW,
        on_change: Callable[[Mapping[str, str]], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`address`: IP:PORT of the internal listener; `on_change` is told the peers whenever they change.

        Gateways of another `release` in the namespace are none of this one's peers.
        """
        self._kube = kube
        self._namespace = namespace
        self._identity = identity
        self._address = address
        self._release = release
        self._duration = duration
        self._renew = renew
        self._on_change = on_change
        self._clock = clock
        self._now = now
        self._sightings = Sightings()
        self._renewed: float | None = None
        self._looked: float | None = None
        self._left = False
        self._peers: Mapping[str, str] = MappingProxyType({identity: address})

    @property
    def peers(self) -> Mapping[str, str]:
        """The addresses of the gateways that live, by id; this one is always among them."""
        return self._peers

    @property
    def key(self) -> Key:
        """Of this gateway's own Lease."""
        return self._key(self._identity)

    def renewed(self, max_age: float) -> bool:
        """Tell whether this gateway's own Lease was renewed within so many seconds."""
        return self._renewed is not None and self._clock() - self._renewed < max_age

    def restore(self, peers: Mapping[str, str]) -> None:
        """Take the peers that an earlier life saw last for the last view, until the Leases are looked at."""
        if self._looked is None:
            self._show(dict(peers))

    async def run(self) -> None:
        """Stay a member for ever."""
        while True:
            await self.attempt()
            await asyncio.sleep(self._renew)

    async def look(self) -> None:
        """Look at the others without telling them of this gateway; where the API server does not answer, nothing changes."""
        try:
            async with asyncio.timeout(_PATIENCE):
                leases = await self._kube.list("Lease", self._namespace)
        except (KubeError, TimeoutError):
            return
        self._look(leases, self._clock())

    async def attempt(self) -> None:
        """Renew, and look at the others, once; an API server that does not answer changes nothing."""
        begun = self._clock()
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._renew_own(begun)
                leases = await self._kube.list("Lease", self._namespace)
        except (KubeError, TimeoutError):
            return
        await self._bury(self._look(leases, self._clock()))

    async def _renew_own(self, now: float) -> None:
        if self._left:
            return
        await self._kube.apply(self._own(), manager=_MANAGER)
        if self._has_left():
            # It was told to leave meanwhile, and this write may have come behind the other.
            await self._kube.delete(self._key(self._identity))
        else:
            self._renewed = now

    def _has_left(self) -> bool:
        return self._left

    def _own(self) -> Object:
        return lease_manifest(
            self._key(self._identity),
            self._identity,
            seconds=self._duration,
            now=self._now(),
            annotations={ADDRESS: self._address},
            labels={**_COMPONENT, RELEASE: self._release},
        )

    def _key(self, identity: str) -> Key:
        return Key("Lease", self._namespace, f"{self._release}-gateway-{identity}")

    def _look(self, leases: list[Object], now: float) -> list[Object]:
        """Take the view that these Leases give; gives those of the long dead."""
        self._excuse_absence(now)
        leases = [each for each in leases if self._is_ours(each)]
        seen = [(lease, self._sightings.see(lease, now)) for lease in leases]
        self._sightings.keep({lease["metadata"]["name"] for lease in leases})
        self._show({sighting.holder: _address(lease) for lease, sighting in seen if sighting.runs(now)})
        return [lease for lease, sighting in seen if self._is_long_dead(sighting, now)]

    def _is_ours(self, lease: Object) -> bool:
        """Tell by the whole name: one release's may begin with another's."""
        holder = (lease.get("spec") or {}).get("holderIdentity") or ""
        return bool(lease["metadata"]["name"] == self._key(holder).name)

    def _excuse_absence(self, now: float) -> None:
        """Whoever could not renew while nobody could is not dead for that."""
        if self._looked is not None and now - self._looked > self._duration / 2:
            self._sightings.excuse(now - self._looked)
        self._looked = now

    def _is_long_dead(self, seen: Sighting, now: float) -> bool:
        return seen.holder != self._identity and now - seen.at > seen.seconds + LONG_DEAD

    def _show(self, peers: dict[str, str]) -> None:
        peers = {
            **{name: peers[name] for name in sorted(peers) if peers[name]},
            self._identity: self._address,
        }
        if peers != self._peers:
            self._peers = MappingProxyType(peers)
            if self._on_change is not None:
                self._on_change(self._peers)

    async def _bury(self, dead: list[Object]) -> None:
        for lease in dead:
            name, uid = lease["metadata"]["name"], lease["metadata"]["uid"]
            try:
                await self._kube.delete(Key("Lease", self._namespace, name), uid=uid)
            except KubeError:
                # Another was faster, or will be.
                continue

    async def leave(self) -> None:
        """Tell the others that this gateway goes, for good; what cannot be told is left to run out."""
        self._left = True
        self._renewed = None
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._kube.delete(self._key(self._identity))
        except (KubeError, TimeoutError):
            return


def _address(lease: Object) -> str:
    return str((lease["metadata"].get("annotations") or {}).get(ADDRESS) or "")
