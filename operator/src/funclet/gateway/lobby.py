"""Who is on the public listener: how many may be, from where, and who has to go."""

import asyncio
import ipaddress
import resource
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from funclet.gateway.settings import ListenerLimits

#: of the descriptors that the process may have, the share that its clients may take
SHARE = 0.75


class Connection(Protocol):
    """What the lobby knows of a connection."""

    address: str | None

    def sweep(self, now: float) -> None:
        """Look at what is due."""

    def close(self) -> None:
        """Go once what is written is sent."""

    def abort(self) -> None:
        """Go at once."""


class _Crowd:
    """Some of the connections; those that could go are named, the first to go first."""

    def __init__(self) -> None:
        self.size = 0
        #: refused, and only there to read why
        self.leaving: dict[Connection, None] = {}
        #: between two requests with nothing left to send, the longest idle first
        self.idle: dict[Connection, None] = {}

    def make_room(self, most: int) -> bool:
        """See that one more is within `most`, if need be at the cost of one that does nothing."""
        if self.size < most:
            return True
        goes = next(iter(self.leaving or self.idle), None)
        if goes is not None:
            goes.abort()
        return goes is not None


class Lobby:
    """All connections of the listener, and those of each address."""

    def __init__(self, limits: ListenerLimits, welcome: Callable[[str], bool] = lambda _: False) -> None:
        """Who comes from a `welcome` host is let in whoever else is there, and never has to go for somebody."""
        self.limits = limits
        self._welcome = welcome
        self._welcomed: set[Connection] = set()
        self.connections: set[Connection] = set()
        self._all = _Crowd()
        self._from: dict[str, _Crowd] = {}
        self._empty: asyncio.Future[None] | None = None

    def enter(self, connection: Connection, host: str | None = None) -> bool:
        """Let a connection from a host in; False: there is no room."""
        if host is not None and self._welcome(host):
            connection.address = None
            self._welcomed.add(connection)
        elif self._all.make_room(self.limits.connections):
            self._all.size += 1
        else:
            return False
        self.connections.add(connection)
        return True

    def is_welcome(self, connection: Connection) -> bool:
        """Whether a connection that is in comes from a welcome host."""
        return connection in self._welcomed

    def seat(self, connection: Connection) -> bool:
        """Count a connection that is in for its address; False: that has too many, this one has to leave."""
        address = connection.address
        if address is None:
            return True
        crowd = self._from.setdefault(address, _Crowd())
        if crowd.make_room(self.limits.connections_per_address):
            crowd.size += 1
            return True
        connection.address = None
        self._all.leaving[connection] = None
        return False

    def rests(self, connection: Connection) -> None:
        """Take note that a connection is idle."""
        if connection in self._welcomed:
            return
        self._all.idle[connection] = None
        if connection.address is not None:
            self._from[connection.address].idle[connection] = None

    def works(self, connection: Connection) -> None:
        """Take note that a connection is not idle, or not any more."""
        self._all.idle.pop(connection, None)
        if connection.address is not None:
            self._from[connection.address].idle.pop(connection, None)

    def leave(self, connection: Connection) -> None:
        """Forget a connection that is gone."""
        if connection not in self.connections:
            return
        self.works(connection)
        self._all.leaving.pop(connection, None)
        self.connections.discard(connection)
        if connection in self._welcomed:
            self._welcomed.discard(connection)
        else:
            self._all.size -= 1
        if connection.address is not None:
            crowd = self._from[connection.address]
            crowd.size -= 1
            if not crowd.size:
                del self._from[connection.address]
        if self._empty is not None and not self.connections and not self._empty.done():
            self._empty.set_result(None)

    def sweep(self, now: float) -> None:
        """Close the connections whose time is over."""
        for connection in list(self.connections):
            connection.sweep(now)

    def close_idle(self) -> None:
        """Close what is between two requests; the others close after their answer."""
        for connection in list(self._all.idle):
            connection.close()

    async def close(self, grace: float) -> None:
        """Close all; what has not taken its answer after `grace` seconds goes without."""
        self._empty = asyncio.get_running_loop().create_future()
        for connection in list(self.connections):
            connection.close()
        if self.connections:
            await asyncio.wait([self._empty], timeout=grace)
        for connection in list(self.connections):
            connection.abort()


def host_of(peer: object) -> str | None:
    """Return the IP address in a peer's socket address, in one spelling; None: it has none."""
    if not isinstance(peer, tuple) or not peer:
        return None
    host = str(peer[0])
    if ":" not in host:
        return host
    address = ipaddress.IPv6Address(host.partition("%")[0])
    return str(address.ipv4_mapped or address)


def address_of(peer: object) -> str | None:
    """Return whom a peer's socket address counts for: an IPv4 address, or the /64 of an IPv6 one; None: nobody."""
    host = host_of(peer)
    if host is None or ":" not in host:
        return host
    return str(ipaddress.IPv6Network((int(ipaddress.IPv6Address(host)) >> 64 << 64, 64)))


def within_descriptors(limits: ListenerLimits, descriptors: int, share: float = SHARE) -> ListenerLimits:
    """Return limits that leave the process some descriptors for its instances; -1: there is no limit of them."""
    if descriptors == resource.RLIM_INFINITY:
        return limits
    return replace(limits, connections=max(1, min(limits.connections, int(descriptors * share))))
