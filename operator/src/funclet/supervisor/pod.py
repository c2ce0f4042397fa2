"""What a supervisor is in a pod, beyond what it is anywhere: it fetches, announces, proves and tells its health."""

from __future__ import annotations

import os

from funclet.supervisor.announce import Announcer, message
from funclet.supervisor.code import Code
from funclet.supervisor.health import HealthServer
from funclet.supervisor.listener import listen
from funclet.supervisor.own_environment import Identity
from funclet.supervisor.prove import Trust

TYPE_CHECKING = False
if TYPE_CHECKING:
    from funclet.supervisor.gateway_server import GatewayServer
    from funclet.supervisor.instance import Instance
    from funclet.supervisor.loop import Loop
    from funclet.supervisor.settings import Settings


class Pod:
    """The parts that the settings ask for; each of them may be missing."""

    def __init__(self, settings: Settings) -> None:
        """Raises SettingsError, OSError."""
        self._settings = settings
        self._identity = Identity(os.environ) if settings.keys or settings.announce else None
        self._health = listen(settings.health) if settings.health else None
        self._announcer: Announcer | None = None
        #: whom to believe; None: everybody who can dial
        self.trust = Trust(settings.keys, self._identity.uid) if settings.keys and self._identity else None

    def take_part(self, loop: Loop, instance: Instance, server: GatewayServer) -> None:
        """Join the loop, before the instance starts."""
        if self._settings.code is not None:
            instance.code = Code(loop, self._settings.code)
        if self._health is not None:
            HealthServer(loop, self._health, lambda: instance.ready and not instance.refusing)
        server.on_proof = self._heard

    def announce(self, loop: Loop, port: int) -> None:
        """Tell the gateways that `port` is listened on."""
        if self._settings.announce is not None and self._identity is not None:
            said = message(self._identity, self._settings.revision, port)
            self._announcer = Announcer(loop, self._settings.announce, said)
            self._announcer.start()

    def _heard(self) -> None:
        if self._announcer is not None:
            self._announcer.heard()
