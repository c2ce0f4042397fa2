"""Whether a client is still there that cannot be heard: it sends no more, or is not listened to for the present.

The end of a client's half of a connection looks the same whether it waits for its answer or has left. To one that
left, what is written breaks the connection, though only the second time; so interim answers are written, which HTTP/1.1
has every client skip.
"""

import asyncio
from collections.abc import Callable

#: seconds until the first question; each further one comes after twice as long
_FIRST = 0.1
_LONGEST = 30.0


class Presence:
    """Calls `ask` again and again, until `end`."""

    __slots__ = ("_ask", "_loop", "_pause", "_timer")

    def __init__(self, ask: Callable[[], None]) -> None:
        self._ask = ask
        self._loop = asyncio.get_running_loop()
        self._pause = _FIRST
        self._timer = self._loop.call_later(_FIRST, self._due)

    def end(self) -> None:
        """Ask no more: the client is heard, or known to be gone."""
        self._timer.cancel()

    def _due(self) -> None:
        self._pause = min(_LONGEST, self._pause * 2)
        self._timer = self._loop.call_later(self._pause, self._due)
        self._ask()
