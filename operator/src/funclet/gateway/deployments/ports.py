"""What a starter needs of the cluster, of pods, and of whoever gives calls to instances."""

from collections.abc import Mapping
from enum import Enum
from typing import Protocol

from funclet.gateway.ports import Instance, TcpAddress
from funclet.plan.plan import Key


class Writes(Protocol):
    """What a starter asks of a ClusterPort."""

    async def scale(self, key: Key, replicas: int, *, manager: str) -> None:
        """See ClusterPort."""
        ...

    async def want(self, key: Key, wanted: Mapping[str, str | None], *, manager: str) -> None:
        """See ClusterPort."""
        ...


class Reached(Enum):
    """What a dial of a pod gave."""

    #: nobody answers, or it is another pod
    NOT = "not"
    #: its supervisor answers; the runtime has not asked for its first event
    IN_INIT = "in-init"
    READY = "ready"


class Contact(Protocol):
    """Speaks to a pod's supervisor, having proved itself and been proved to."""

    async def reach(self, address: TcpAddress, pod_uid: str, revision: str) -> Reached:
        """Whether this very pod answers there, and how far it is. Never raises."""
        ...

    async def retire(self, instance: Instance) -> bool:
        """Have it refuse new calls; whether it said yes. Never raises."""
        ...


class Taker(Protocol):
    """Whoever gives calls to instances."""

    def appeared(self, instance: Instance) -> bool:
        """Take an instance that nobody asked for; False: not wanted."""
        ...

    def leaving(self, instance: Instance) -> None:
        """Give it no more calls: it drains."""
        ...
