"""One Lease for many contenders: who holds it may write."""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime

from funclet.kube.clock import utc_now
from funclet.kube.cluster_port import ClusterPort
from funclet.kube.lease import Sightings, lease_manifest
from funclet.kube.port import ConflictError, KubeError, NotFoundError, Object
from funclet.plan.plan import Key

#: seconds that a Lease holds without being renewed
DURATION = 15.0
#: seconds between renewals
RENEW = 2.0
#: seconds that one request may take
_PATIENCE = 5.0
_MANAGER = "funclet-lease"


class Leadership:
    """Contends for a Lease, and goes on contending: neither losing it nor the API server's absence ends it."""

    def __init__(
        self,
        kube: ClusterPort,
        key: Key,
        identity: str,
        *,
        duration: float = DURATION,
        renew: float = RENEW,
        labels: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`identity` must be this process's alone; `clock` measures seconds, `now` is only for people to read."""
        self._kube = kube
        self._key = key
        self._identity = identity
        self._duration = duration
        self._renew = renew
        self._labels = labels
        self._clock = clock
        self._now = now
        self._sightings = Sightings()
        #: when the last renewal that succeeded was begun
        self._renewed: float | None = None
        self._acquired = asyncio.Event()
        self._terms = 0
        #: whether somebody else may have held it since this one did
        self._interrupted = True

    @property
    def terms(self) -> int:
        """Count how often the Lease came from somebody else, or from nobody: others may have written before."""
        return self._terms

    def holds(self, max_age: float) -> bool:
        """Tell whether the Lease was renewed within so many seconds, which must be fewer than it lasts."""
        return self._renewed is not None and self._clock() - self._renewed < min(max_age, self._duration)

    async def acquired(self) -> None:
        """Wait until the Lease is held, for the first time or anew."""
        await self._acquired.wait()

    async def run(self) -> None:
        """Contend for ever."""
        while True:
            await self.attempt()
            await asyncio.sleep(self._renew)

    async def attempt(self) -> None:
        """Renew or try to get the Lease, once; an API server that does not answer is no reason to fail."""
        begun = self._clock()
        try:
            async with asyncio.timeout(_PATIENCE):
                won = await self._contend()
        except (KubeError, TimeoutError):
            # It may have been written nevertheless: what counts is what is known.
            return
        self._renewed = begun if won else None
        if won:
            self._acquired.set()
        else:
            self._acquired.clear()

    async def _contend(self) -> bool:
        try:
            lease = await self._kube.get(self._key)
        except NotFoundError:
            return await self._create()
        seen = self._sightings.see(lease, self._clock())
        # It stays so until a write is known to have succeeded: one that was never heard of may have taken it over.
        self._interrupted |= seen.holder != self._identity
        if seen.holder != self._identity and seen.runs(self._clock()):
            return False
        # Where somebody wrote it since, as ConflictError tells, nothing is known of who holds it.
        await self._write(lease, self._identity, self._duration)
        self._begin_term()
        return True

    def _begin_term(self) -> None:
        self._terms += self._interrupted
        self._interrupted = False

    async def _create(self) -> bool:
        self._interrupted = True
        manifest = lease_manifest(
            self._key, self._identity, seconds=self._duration, now=self._now(), labels=self._labels
        )
        try:
            await self._kube.create(manifest, manager=_MANAGER)
        except ConflictError:
            return False
        self._begin_term()
        return True

    async def _write(self, lease: Object, holder: str, seconds: float) -> None:
        """Write the Lease over the one that was read. Raises ConflictError where it changed since."""
        version = lease["metadata"]["resourceVersion"]
        manifest = lease_manifest(
            self._key, holder, seconds=seconds, now=self._now(), version=version, labels=self._labels
        )
        await self._kube.apply(manifest, manager=_MANAGER)

    async def release(self) -> None:
        """Give the Lease up, so that another need not wait; what cannot be told is left to run out."""
        held = self._renewed is not None
        self._renewed = None
        self._acquired.clear()
        if not held:
            return
        try:
            async with asyncio.timeout(_PATIENCE):
                lease = await self._kube.get(self._key)
                if lease["spec"].get("holderIdentity") == self._identity:
                    await self._write(lease, "", 1)
        except (KubeError, TimeoutError):
            return
