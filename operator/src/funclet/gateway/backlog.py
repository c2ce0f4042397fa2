"""What clients have not taken of their answers: it counts as held, and whoever is at it for longest makes room."""

from typing import Protocol

import structlog

from funclet.gateway.admission import Admission

_log = structlog.get_logger(__name__)


class Laggard(Protocol):
    """A connection that may be behind with taking its answer."""

    def abort(self) -> None:
        """Go at once."""


class Backlog:
    """The bytes that are still to be taken, by connection."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        #: the longest behind first: a key that is there keeps its place
        self._unsent: dict[Laggard, int] = {}

    def note(self, connection: Laggard, unsent: int) -> None:
        """Take note of the bytes that a connection has to go, and see that all together are within their bounds."""
        self._admission.owe(unsent - self._unsent.get(connection, 0))
        if unsent:
            self._unsent[connection] = unsent
        else:
            self._unsent.pop(connection, None)
        if self._admission.is_over:
            self._make_room(connection)

    def _make_room(self, but: Laggard) -> None:
        """Cut off others than the one that has just got its answer.

        The answer is there, its function has run: to refuse it would have the caller run it again. Whoever reads at
        a usual pace is through long before it is the longest at it; who is cut sees a connection that breaks, never
        a short answer that looks whole.
        """
        for connection in list(self._unsent):
            if not self._admission.is_over:
                return
            if connection is not but:
                unsent = self._unsent.pop(connection)
                self._admission.owe(-unsent)
                _log.warning("cut off a client that did not take its answer", unsent=unsent)
                connection.abort()
