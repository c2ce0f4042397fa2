"""How much the listeners hold at once: requests and bytes."""

import asyncio
import contextlib

from funclet.gateway.settings import ListenerLimits


class Admission:
    """Counts what both ends of the public listener and the relay's door hold; once `closing`, nothing more is admitted.

    While `parting`, calls are still taken, and each answer ends its connection.
    """

    def __init__(self, limits: ListenerLimits) -> None:
        self.limits = limits
        self.requests = 0
        self.bytes = 0
        self.parting = False
        self.closing = False
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def last_answers(self) -> bool:
        """Whether an answer ends its connection."""
        return self.parting or self.closing

    def enter(self) -> bool:
        """Admit a request, if there is room; pair it with `leave`."""
        if self.requests >= self.limits.held_requests:
            return False
        self.requests += 1
        self._empty.clear()
        return True

    def hold(self, size: int) -> bool:
        """Take in that many more bytes of a body that came, if there is room."""
        if self.bytes + size > self.limits.held_bytes:
            return False
        self.bytes += size
        return True

    @property
    def is_over(self) -> bool:
        """Whether more is held than may be."""
        return self.bytes > self.limits.held_bytes

    def owe(self, size: int) -> None:
        """Take in bytes of answers that their clients have not taken, or forget some; they are there, room or not."""
        self.bytes += size

    def leave(self, size: int) -> None:
        """Forget a request that was admitted, and the bytes that it held."""
        self.requests -= 1
        self.bytes -= size
        if not self.requests:
            self._empty.set()

    async def settle(self, grace: float) -> None:
        """Wait until every request that was admitted has come whole and is answered, at most `grace` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._empty.wait()
