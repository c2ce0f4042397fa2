"""Relayed calls that came once must not come again while their signature is still believed."""

from funclet.gateway.home.messages import SKEW

#: as many as five thousand calls a second leave in the time for which a signature is believed
MOST = 300_000


class Replays:
    """The calls that came, by the second in which they were signed.

    Where there are too many, the oldest seconds are forgotten, and nothing that was signed in them is believed
    any more.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._came: dict[int, set[str]] = {}
        self._count = 0
        self._since = 0

    def is_first(self, signed: int, nonce: str, now: float) -> bool:
        """Take note of a call; whether it has not come before. `signed` and `now` are of the wall clock."""
        self._forget(now - SKEW)
        if signed < self._since or nonce in self._came.get(signed, ()):
            return False
        self._came.setdefault(signed, set()).add(nonce)
        self._count += 1
        return True

    def _forget(self, before: float) -> None:
        while self._came and (self._count >= self._most or min(self._came) < before):
            oldest = min(self._came)
            self._count -= len(self._came.pop(oldest))
            self._since = max(self._since, oldest + 1)
