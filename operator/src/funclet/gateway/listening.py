"""A listener whose connections begin on the fast lane."""

import asyncio
import resource
import socket
from collections.abc import Callable
from email.utils import formatdate

from funclet.gateway.admission import Admission
from funclet.gateway.fastlane import FastLane, Listener
from funclet.gateway.http_front import Front
from funclet.gateway.lobby import SHARE, Lobby, within_descriptors
from funclet.gateway.settings import ListenerLimits
from funclet.gateway.slow_lane import SlowLanes

#: seconds between two looks at what is due
_SWEEP = 0.5
_BACKLOG = 1024


class FastServer:
    """Serves a front, and with `slow_lane` what that front does not understand."""

    def __init__(
        self,
        front: Front,
        slow_lane: SlowLanes,
        admission: Admission,
        limits: ListenerLimits,
        *,
        wall: Callable[[], float],
        welcome: Callable[[str], bool] = lambda _: False,
        stays: bool = False,
        unsent: Admission | None = None,
        share: float = SHARE,
    ) -> None:
        """Make it within the loop that runs it; `welcome`: see Lobby, `stays` and `unsent`: see Listener.

        Of the descriptors that the process may have, connections take no more than a `share`.
        """
        self._loop = asyncio.get_running_loop()
        self._wall = wall
        self._slow_lane = slow_lane
        limits = within_descriptors(limits, resource.getrlimit(resource.RLIMIT_NOFILE)[0], share)
        self._lobby = Lobby(limits, welcome)
        self._listener = Listener(
            front, admission, self._lobby, limits, slow_lane, self._loop.time, stays, unsent
        )
        self._server: asyncio.Server | None = None
        self._sweeping: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """The port that the listener has. Raises RuntimeError before `start`."""
        if self._server is None or not self._server.sockets:
            raise RuntimeError("the gateway does not listen")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._lobby.connections)

    async def start(self, where: socket.socket | tuple[str, int]) -> None:
        """Serve on a listening socket, or on a host and port. Raises OSError where that is taken."""
        self._sweep()
        if isinstance(where, socket.socket):
            self._server = await self._loop.create_server(self._connect, sock=where, backlog=_BACKLOG)
        else:
            self._server = await self._loop.create_server(self._connect, *where, backlog=_BACKLOG)

    def stop_listening(self) -> None:
        """Let nobody new in, and close what is between two requests."""
        if self._server is not None:
            self._server.close()
        self._lobby.close_idle()

    async def close(self, grace: float) -> None:
        """Close all connections; what has not taken its answer after `grace` seconds goes without."""
        self.stop_listening()
        if self._sweeping is not None:
            self._sweeping.cancel()
        await self._lobby.close(grace)
        await self._slow_lane.shutdown(grace)

    def _connect(self) -> FastLane:
        return FastLane(self._listener)

    def _sweep(self) -> None:
        self._sweeping = self._loop.call_later(_SWEEP, self._sweep)
        self._listener.date = f"Date: {formatdate(self._wall(), usegmt=True)}\r\n"
        self._lobby.sweep(self._loop.time())
