"""One runtime process from its start until nothing is left of it: its port, its output, its memory."""

from __future__ import annotations

import os
from time import monotonic

from funclet.supervisor.lifeline import Lifeline
from funclet.supervisor.memory import MemoryMeter
from funclet.supervisor.process import descendants, kill_descendants, prefer_to_kill, reap, spawn
from funclet.supervisor.runtime_api import RuntimeApi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from funclet.supervisor.log import Log
    from funclet.supervisor.loop import Loop
    from funclet.supervisor.runtime_api import Host
    from funclet.supervisor.settings import Settings

#: how often what will not die is killed again: it may be forking
_KILL_AGAIN = 0.005
#: pieces of output that are read once all writers are gone; a pipe holds fewer
_LAST_PIECES = 64


class Runtime:
    """A runtime process and all that descends from it.

    `gone` is called once after `end`, when no process is left and the last of the output is read.
    """

    def __init__(
        self, loop: Loop, settings: Settings, log: Log, host: Host, gone: Callable[[], None]
    ) -> None:
        """Start it. Raises SpawnError."""
        self._loop = loop
        self._log = log
        self._gone = gone
        self.api = RuntimeApi(loop, host)
        self._lifeline = Lifeline()
        self._output, write_end = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._output, False)
        self.started_at = monotonic()
        log.init_start()
        offered = self.api.offered
        environment = {
            **settings.environment,
            "AWS_LAMBDA_RUNTIME_API": self.api.address,
            "FUNCLET_RUNTIME_API_FD": str(offered.fileno()),
        }
        inherited = [offered.fileno(), self._lifeline.descriptor]
        try:
            self.pid = spawn(settings.command, environment, settings.working_directory, write_end, inherited)
        except BaseException:
            os.close(self._output)
            self._lifeline.close()
            self.api.close()
            raise
        finally:
            os.close(write_end)
            offered.close()
        self._lifeline.tie(self.pid)
        self._preferred = prefer_to_kill(self.pid)
        self.memory = MemoryMeter(self.pid)
        self._readable = True
        log.attach(self._output)
        loop.register(self._output, self._read)
        #: whether it has asked for its first event
        self.ready = False
        #: how long that took; None once it was told
        self.init_us: int | None = None
        #: whether it is saying why it cannot start
        self.giving_up = False
        #: how many events it was given
        self.served = 0
        self.ending = False

    def became_ready(self) -> None:
        """It asks for its first event."""
        self.ready = True
        self.init_us = self.age_us()

    def age_us(self) -> int:
        """Return the time since its start."""
        return round((monotonic() - self.started_at) * 1_000_000)

    def survey(self, limit: int) -> int:
        """Return the bytes of memory of all processes."""
        self._preferred = self._preferred or prefer_to_kill(self.pid)
        return self.memory.survey(descendants(os.getpid()), limit)

    def end(self) -> None:
        """End every process but this one."""
        if not self.ending:
            self.ending = True
            # In this order, so that no client has time to complain.
            kill_descendants()
            self.api.close()
            self._kill()

    def _kill(self) -> None:
        kill_descendants()
        _, left = reap()
        if left:
            # The end of each is a signal, but a process that forks faster than it is seen makes none.
            self._loop.call_later(_KILL_AGAIN, self._kill)
        else:
            self._finish()

    def _finish(self) -> None:
        self._log.read(_LAST_PIECES)
        if self._readable:
            self._loop.unregister(self._output)
        self._log.detach()
        os.close(self._output)
        self.memory.close()
        self._lifeline.close()
        self._gone()

    def _read(self, _events: int) -> None:
        if not self._log.read():
            # Nobody can write any more, though processes may live: they closed their output.
            self._readable = False
            self._loop.unregister(self._output)
