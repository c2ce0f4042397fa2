"""Whether watches still tell: a watch that is dead looks, to whoever reads its store, like one with nothing to tell."""

import time
from collections.abc import Callable
from typing import Final

#: seconds: the API server sends a bookmark each minute, and a watch without one is begun anew before this
LONGEST: Final = 180.0

_Clock = Callable[[], float]


class Hearing:
    """The last word of each watch: an event, a bookmark, a piece of a list. A next one is always due."""

    def __init__(self, clock: _Clock = time.monotonic) -> None:
        """`clock` measures seconds."""
        self._clock = clock
        self._last: dict[str, float] = {}

    def heard(self, watch: str) -> None:
        """Take note of a word, or that there is such a watch from now on."""
        self._last[watch] = self._clock()

    def silent(self) -> list[str]:
        """Name the watches that said nothing for too long."""
        now = self._clock()
        return sorted(watch for watch, last in self._last.items() if now - last >= LONGEST)

    def excuse(self) -> None:
        """Begin to count anew: nothing could be heard."""
        self._last = dict.fromkeys(self._last, self._clock())


class Misses:
    """The same where bookmarks cannot be seen, as with Kopf: by what a list had and the watch had not told.

    One such object proves nothing, since a list may be quicker than a watch; but the watch was silent all the
    time between two of them.
    """

    def __init__(self, clock: _Clock = time.monotonic) -> None:
        """`clock` measures seconds."""
        self._clock = clock
        #: the first and the last miss since the last word
        self._missed: dict[str, tuple[float, float]] = {}

    def heard(self, watch: str) -> None:
        """Take note of an event."""
        self._missed.pop(watch, None)

    def missed(self, watch: str) -> None:
        """Take note that a list had something new."""
        now = self._clock()
        first, _ = self._missed.get(watch, (now, now))
        self._missed[watch] = (first, now)

    def silent(self) -> list[str]:
        """Name the watches that missed something for too long."""
        return sorted(watch for watch, (first, last) in self._missed.items() if last - first >= LONGEST)

    def excuse(self) -> None:
        """Begin to count anew: nothing could be heard."""
        self._missed.clear()
