"""The loop that sends: each call when it is due, never waiting for an answer; a call that is late counts as late."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from ledger.records import Call, Event


class Caller(Protocol):
    """Sends an event and tells what came of it; it never raises."""

    async def call(self, event: Event, scheduled: float) -> Call:
        """`scheduled` is when the event was due, on the loop's clock."""
        ...


@dataclass
class Load:
    """Calls under way and those that are over. Further ones can be sent by hand, beside the schedule."""

    caller: Caller
    events: Iterator[Event]
    calls: list[Call] = field(default_factory=list)
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def in_flight(self) -> int:
        """Calls that have not been answered."""
        return len(self._under_way)

    def send(self, scheduled: float | None = None) -> None:
        """Send the next event now; it was due then (by default, now)."""
        due = asyncio.get_running_loop().time() if scheduled is None else scheduled
        task = asyncio.create_task(self._call(next(self.events), due))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def follow(self, arrivals: Iterable[float]) -> None:
        """Send by a schedule to its end; returns when the last is sent."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        for offset in arrivals:
            if (wait := start + offset - loop.time()) > 0:
                await asyncio.sleep(wait)
            self.send(start + offset)

    async def answered(self) -> list[Call]:
        """Wait for all that is under way; gives all calls so far."""
        while self._under_way:
            await asyncio.wait(self._under_way)
        return self.calls

    async def _call(self, event: Event, scheduled: float) -> None:
        self.calls.append(await self.caller.call(event, scheduled))


@contextlib.asynccontextmanager
async def load(
    caller: Caller, events: Iterator[Event], arrivals: Iterable[float] = ()
) -> AsyncIterator[Load]:
    """Send by the schedule while the block runs, in the background; at its end nothing more, and all is waited for."""
    offered = Load(caller, events)
    sending = asyncio.create_task(offered.follow(arrivals))
    try:
        yield offered
    finally:
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        await offered.answered()
