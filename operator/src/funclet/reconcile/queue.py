"""A queue of keys: each waits at most once, is worked on by one at a time, and comes back later if it failed."""

import asyncio
from collections import deque

from funclet.plan.plan import Key

FIRST_RETRY = 0.1
LONGEST_RETRY = 60.0


class KeyQueue:
    """Times are seconds of the event loop's clock."""

    def __init__(self, *, first_retry: float = FIRST_RETRY, longest_retry: float = LONGEST_RETRY) -> None:
        self._first_retry = first_retry
        self._longest_retry = longest_retry
        self._ready: deque[Key] = deque()
        self._waiting: set[Key] = set()
        self._running: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._wake = asyncio.Semaphore(0)

    def __len__(self) -> int:
        """How many keys wait to be worked on, those of later tries left out."""
        return len(self._waiting)

    def add(self, key: Key) -> None:
        """Have the key worked on soon: once, however often it is added before that."""
        self._cancel(key)
        if key not in self._waiting:
            self._waiting.add(key)
            if key not in self._running:
                self._offer(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Have the key worked on in some time, or earlier where that is due already."""
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if key in self._waiting or (timer is not None and timer.when() <= loop.time() + seconds):
            return
        self._cancel(key)
        self._timers[key] = loop.call_later(seconds, self.add, key)

    async def get(self) -> Key:
        """Take the next key; `done` must be called for it."""
        await self._wake.acquire()
        key = self._ready.popleft()
        self._waiting.discard(key)
        self._running.add(key)
        return key

    def done(self, key: Key) -> None:
        """Let the key be worked on again, at once if it was added in the meantime."""
        self._running.discard(key)
        if key in self._waiting:
            self._offer(key)

    def retry(self, key: Key) -> float:
        """Come back to a key that failed, later each time; gives the delay."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        # The exponent is bounded before it is used: 2.0 ** 1024 overflows.
        delay = min(self._first_retry * 2.0 ** min(failures, 30), self._longest_retry)
        self.add_after(key, delay)
        return delay

    def failures(self, key: Key) -> int:
        """Count how often the key failed in a row."""
        return self._failures.get(key, 0)

    def forget(self, key: Key) -> None:
        """Begin with the shortest delay again."""
        self._failures.pop(key, None)

    def close(self) -> None:
        """Drop what waits for its time."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    @property
    def idle(self) -> bool:
        """Whether nothing is due and nothing is worked on; delayed keys do not count."""
        return not self._waiting and not self._running

    def _offer(self, key: Key) -> None:
        self._ready.append(key)
        self._wake.release()

    def _cancel(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
