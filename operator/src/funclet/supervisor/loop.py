"""The one loop of a supervisor: ready descriptors, one deadline, a few timers, signals. No threads, no locks."""

from __future__ import annotations

import os
from _heapq import heappop, heappush  # the C halves of modules whose Python halves are not needed
from select import EPOLLIN, epoll
from time import monotonic

from funclet.supervisor.signals import set_wakeup_fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

NEVER = float("inf")
_LONGEST_WAIT = 60.0


class Loop:
    """Calls what is registered when its descriptor is ready or its time has come."""

    def __init__(self) -> None:
        self._epoll = epoll()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._exit_status: int | None = None
        #: when this round began, by the monotonic clock
        self.now = monotonic()
        #: the next time that `on_deadline` is called; set on every invocation, so it is no timer
        self.deadline = NEVER
        self.on_deadline: Callable[[float], None] = lambda _now: None
        self._woken, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        set_wakeup_fd(wake, warn_on_full_buffer=False)
        self.on_signals: Callable[[bytes], None] = lambda _numbers: None
        self._epoll.register(self._woken, EPOLLIN)

    def register(self, descriptor: int, handler: Callable[[int], None], events: int = EPOLLIN) -> None:
        """Call `handler` with the events each time that one is ready."""
        self._epoll.register(descriptor, events)
        self._handlers[descriptor] = handler

    def modify(self, descriptor: int, events: int) -> None:
        """Wait for other events."""
        self._epoll.modify(descriptor, events)

    def unregister(self, descriptor: int) -> None:
        """Forget a descriptor, before it is closed."""
        del self._handlers[descriptor]
        self._epoll.unregister(descriptor)

    def call_later(self, delay: float, action: Callable[[], None]) -> None:
        """Call once, after `delay` seconds. It cannot be taken back: the action looks whether it still applies."""
        self._count += 1
        heappush(self._timers, (monotonic() + delay, self._count, action))

    def stop(self, exit_status: int) -> None:
        """Let `run` return after this round; the first status stands."""
        if self._exit_status is None:
            self._exit_status = exit_status

    def run(self) -> int:
        """Run until stopped. Returns the exit status."""
        handlers = self._handlers
        poll = self._epoll.poll
        now = monotonic()
        while self._exit_status is None:
            woken = False
            ready = poll(self._wait(now), 64)
            self.now = monotonic()
            for descriptor, events in ready:
                handler = handlers.get(descriptor)
                if handler is not None:
                    handler(events)
                elif descriptor == self._woken:
                    woken = True
            # What a process wrote before it ended is read before its end is noticed, and before a deadline strikes.
            if woken:
                self.on_signals(os.read(self._woken, 4096))
            now = monotonic()
            self._strike(now)
        return self._exit_status

    def _wait(self, now: float) -> float:
        due = self.deadline
        if self._timers and self._timers[0][0] < due:
            due = self._timers[0][0]
        return min(max(0.0, due - now), _LONGEST_WAIT)

    def _strike(self, now: float) -> None:
        if now >= self.deadline:
            self.deadline = NEVER
            self.on_deadline(now)
        while self._timers and self._timers[0][0] <= now:
            heappop(self._timers)[2]()
