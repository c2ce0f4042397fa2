"""Which calls have started and which never will, so that a gateway knows what it may send again. Pure."""

from __future__ import annotations

#: tokens of a generation; two generations of started ones are remembered, and one of refused ones
GENERATION = 32_768
#: how long a forgotten token might still be asked for, or a refused call still turn up, in seconds: the longest
#: timeout, and then some
HORIZON = 1_000.0


class Fence:
    """Remembers the tokens of calls; where it had to forget, it errs towards "started"."""

    def __init__(self) -> None:
        self._started: set[bytes] = set()
        self._started_before: set[bytes] = set()
        #: when each was refused, or last told to be, the earliest first
        self._refused: dict[bytes, float] = {}
        self._forgot_at = -HORIZON

    def admit(self, token: bytes, now: float) -> bool:
        """Note that the call starts. False if the token was refused or used before."""
        if token in self._refused or self._has_started(token):
            return False
        self._started.add(token)
        if len(self._started) >= GENERATION:
            if self._started_before:
                self._forgot_at = now
            self._started_before = self._started
            self._started = set()
        return True

    def ask(self, token: bytes, now: float) -> str:
        """`refused`: it never ran and never will, asking makes it so. `started`: never send it again."""
        if self._refused.pop(token, None) is not None:
            # Whoever is told so now may rely on it for as long as the first who was.
            self._refused[token] = now
            return "refused"
        if self._has_started(token) or now - self._forgot_at < HORIZON or not self._refuse(token, now):
            return "started"
        return "refused"

    def withdraw(self, token: bytes, now: float) -> None:
        """Note that an admitted call came to nothing before the function saw it.

        It will not run either, unless so many are refused that there is no room to remember it: then it
        is as if it had never come, which nobody was told.
        """
        self._started.discard(token)
        self._started_before.discard(token)
        self._refuse(token, now)

    def _refuse(self, token: bytes, now: float) -> bool:
        """Remember it as refused. False if there is no room: nothing that may still turn up is forgotten for it."""
        while self._refused:
            oldest = next(iter(self._refused))
            if now - self._refused[oldest] < HORIZON:
                break
            del self._refused[oldest]
        if len(self._refused) >= GENERATION:
            return False
        self._refused[token] = now
        return True

    def _has_started(self, token: bytes) -> bool:
        return token in self._started or token in self._started_before
