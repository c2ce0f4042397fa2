"""The internal listener: relayed calls of other gateways, announcements and code for pods. All of it is signed."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from aiohttp import web

from funclet.gateway.admission import Admission
from funclet.gateway.code.archives import PATH as CODE
from funclet.gateway.code.door import CodeDoor
from funclet.gateway.deployments.announcements import PATH as ANNOUNCE
from funclet.gateway.deployments.announcements import AnnouncementDoor
from funclet.gateway.home.door import RelayFront
from funclet.gateway.listening import FastServer
from funclet.gateway.lobby import host_of
from funclet.gateway.settings import ListenerLimits
from funclet.gateway.slow_lane import SlowLanes

#: of pods, which need one or two each; gateways come in beside them, with as many calls as they hold
LIMITS = replace(ListenerLimits(), connections_per_address=256, held_bytes=64 << 20)
#: of the descriptors that the process may have
_SHARE = 0.125


def pod_application(announcements: AnnouncementDoor, code: CodeDoor) -> web.Application:
    """Make what pods ask; none of its routes answers anything of worth to who shows no right to it."""
    app = web.Application()
    app.add_routes(
        [web.post(ANNOUNCE, announcements.answer), web.get(f"{CODE}/{{namespace}}/{{sha256}}", code.answer)]
    )
    return app


class InternalListener:
    """Relayed calls on the fast lane, and an application for all else."""

    def __init__(
        self,
        relay: RelayFront,
        app: web.Application,
        admission: Admission,
        *,
        peers: Callable[[], Iterable[str]],
        wall: Callable[[], float],
    ) -> None:
        """`peers`: the addresses of the other gateways, as HOST:PORT."""
        self._relay = relay
        self._peers = peers
        self._runner = web.AppRunner(app)
        self._admission = admission
        self._wall = wall
        self._server: FastServer | None = None

    @property
    def port(self) -> int:
        """The port that it has. Raises RuntimeError before `start`."""
        if self._server is None:
            raise RuntimeError("the internal listener does not listen")
        return self._server.port

    async def start(self, host: str, port: int) -> None:
        """Serve; a port of 0 lets the system choose. Raises OSError where it is taken."""
        await self._runner.setup()
        made = self._runner.server
        if made is None:
            raise RuntimeError("a runner that is set up has a server")
        slow_lane = SlowLanes(
            made.request_handler,
            made.request_factory,
            auto_decompress=False,
            keepalive_timeout=LIMITS.keep_alive,
            max_headers=LIMITS.head_lines,
        )
        self._server = FastServer(
            self._relay,
            slow_lane,
            self._admission,
            LIMITS,
            wall=self._wall,
            welcome=self._is_gateway,
            stays=True,
            # What pods leave unread costs callers no room.
            unsent=Admission(LIMITS),
            share=_SHARE,
        )
        await self._server.start((host, port))

    async def close(self, grace: float) -> None:
        """End; what has not taken its answer after `grace` seconds goes without."""
        if self._server is not None:
            await self._server.close(grace)
        await self._runner.cleanup()

    def _is_gateway(self, host: str) -> bool:
        return any(host_of((peer.rpartition(":")[0].strip("[]"), 0)) == host for peer in self._peers())
