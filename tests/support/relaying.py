"""Gateways that relay to each other over real connections, in one process."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace

from aiohttp import web

from funclet.gateway.cluster.internal import InternalListener
from funclet.gateway.fastlane import FastLane
from funclet.gateway.gateway import Gateway
from funclet.gateway.home.door import RelayFront
from funclet.gateway.home.homes import Homes, home_among
from funclet.gateway.home.messages import PATH
from funclet.gateway.home.relay import Relay
from funclet.gateway.http_front import Answer, Begin
from funclet.gateway.settings import GatewaySettings
from funclet.plan.routes import FunctionRoute
from support.gateway import (
    Behaviour,
    FakeStarter,
    HttpAnswer,
    Received,
    echo,
    exchange,
    invoke_bytes,
    table,
)

KEY = b"the relay key of all gateways"


class Node:
    """One gateway with both of its listeners."""

    def __init__(self, name: str, behaviour: Behaviour) -> None:
        self.name = name
        self.starter = FakeStarter(behaviour)
        self.homes = Homes(name, clock=asyncio.get_running_loop().time)
        self.relay = Relay(self.homes, KEY, wall=time.time, backstop=lambda _: 20.0)
        self.gateway = Gateway(self.starter, replace(GatewaySettings(), port=0), relay=self.relay)
        self.routes: dict[tuple[str, str], FunctionRoute] = {}
        #: calls that other gateways brought, taken in or not
        self.asked = 0
        front = RelayFront(self.homes, KEY, self.gateway.begin_relayed, wall=time.time)
        self._take_in, front.head = front.head, self._count  # type: ignore[method-assign]  # counts what comes
        self._listener = InternalListener(
            front, web.Application(), self.gateway.admission, peers=list, wall=time.time
        )
        self.homes.on_change = self._moved

    def _count(self, target: bytes, headers: Mapping[bytes, bytes]) -> Begin | Answer | None:
        self.asked += target == PATH.encode()
        return self._take_in(target, headers)

    @property
    def lanes(self) -> list[FastLane]:
        """The connections of other gateways."""
        server = self._listener._server
        assert server is not None
        return [each for each in server._lobby.connections if isinstance(each, FastLane)]

    @property
    def unread_by_strangers(self) -> int:
        """Bytes of answers that were not taken by whoever is no gateway."""
        server = self._listener._server
        assert server is not None
        assert server._listener.unsent is not None
        return server._listener.unsent.bytes

    def waiting(self, name: str) -> int:
        """Calls of a function that wait here for an instance."""
        function = self.gateway._router.find("default", name)
        assert function is not None
        return function.slots.waiting

    async def open(self) -> None:
        """Listen."""
        await self._listener.start("127.0.0.1", 0)
        await self.gateway.start()

    @property
    def internal(self) -> str:
        """Where the other gateways find it."""
        return f"127.0.0.1:{self._listener.port}"

    def route(self, *routes: FunctionRoute) -> None:
        """Route these functions."""
        self.routes = table(*routes)
        self.gateway.update_routes(self.routes)

    def _moved(self) -> None:
        for where in self.routes:
            self.gateway.set_home(where, own=self.homes.is_own(*where))

    async def die(self) -> None:
        """End all connections of other gateways, and listen no more."""
        await self._listener.close(0.0)

    async def close(self) -> None:
        """End."""
        for supervisor in self.starter.supervisors.values():
            supervisor.behaviour = echo
        if self.starter.gate is not None:
            self.starter.gate.set()
        await self.gateway.stop(0.2)
        await self.relay.close()
        await self._listener.close(0.1)
        # What it let go of when another became home still runs.
        for supervisor in self.starter.supervisors.values():
            await supervisor.close()
        self.starter.clean()


def name_with_home(home: str, among: str = "ab") -> str:
    """Name a function whose home is this gateway."""
    return next(name for name in map("f{}".format, range(1000)) if home_among(among, "default", name) == home)


@contextlib.asynccontextmanager
async def nodes(
    *routes: FunctionRoute, names: str = "ab", behaviour: Behaviour = echo
) -> AsyncIterator[list[Node]]:
    """Give gateways that know each other and these routes."""
    made = [Node(name, behaviour) for name in names]
    try:
        for node in made:
            await node.open()
        peers = {node.name: node.internal for node in made}
        for node in made:
            node.homes.update(peers)
            node.route(*routes)
        yield made
    finally:
        for node in made:
            await node.close()


@contextlib.contextmanager
def black_hole() -> Iterator[str]:
    """Give an address where every dial waits for ever."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        yield f"{address[0]}:{address[1]}"


#: a function whose home is b, of a and b
AT_B = name_with_home("b")


def calls_at(node: Node) -> list[Received]:
    """What the instances of a gateway ran."""
    return [call for each in node.starter.supervisors.values() for call in each.calls]


async def call(node: Node, body: bytes = b"{}", name: str = AT_B) -> HttpAnswer:
    """Call a function at a gateway."""
    return await exchange(node.gateway.port, invoke_bytes(name, body))
