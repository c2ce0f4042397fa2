"""The caller of the Lambda API: exact times, and every failure with its answer."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import aiohttp
from yarl import URL

from ledger.records import Call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ledger.records import Event

KEPT = 2_000
# A function's longest timeout, and some: no call is given up before the platform should have answered it.
PATIENCE = 960.0


@dataclass(frozen=True)
class Target:
    """What is called: a gateway (`http://HOST:PORT`), its bearer token (empty: none), a function by name or ARN."""

    url: str
    function: str
    token: str = ""
    qualifier: str = ""

    @property
    def address(self) -> str:
        """Invoke's address."""
        query = f"?Qualifier={quote(self.qualifier)}" if self.qualifier else ""
        return f"{self.url}/2015-03-31/functions/{quote(self.function, safe='')}/invocations{query}"

    @property
    def headers(self) -> dict[str, str]:
        """What goes with each call."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


@dataclass(frozen=True)
class Invoker:
    """Calls a function: every other event over connections that are kept alive, the others each over a new one.

    A connection that is kept stays with one gateway; a new one finds another. A call is sent once, whatever comes of it.
    """

    target: Target
    kept: aiohttp.ClientSession
    fresh: aiohttp.ClientSession

    async def call(self, event: Event, scheduled: float) -> Call:
        """As load.open_loop.Caller has it."""
        clock = asyncio.get_running_loop().time
        session = self.fresh if event.number % 2 else self.kept
        sent = clock()
        try:
            async with session.post(self._address, data=event.body(), headers=self.target.headers) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, OSError) as failure:
            return Call(event, scheduled, sent, clock(), error=repr(failure))
        return Call(
            event,
            scheduled,
            sent,
            clock(),
            status=answer.status,
            function_error=answer.headers.get("X-Amz-Function-Error", ""),
            version=answer.headers.get("X-Amz-Executed-Version", ""),
            answer=body[:KEPT],
        )

    @property
    def _address(self) -> URL:
        return URL(self.target.address, encoded=True)


@contextlib.asynccontextmanager
async def invoking(target: Target, seconds: float = PATIENCE) -> AsyncIterator[Invoker]:
    """A caller of this target, with as many connections as it takes; a call that takes so long has failed."""
    patience = aiohttp.ClientTimeout(total=seconds, sock_connect=10)
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=patience) as kept,
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True), timeout=patience
        ) as fresh,
    ):
        yield Invoker(target, kept, fresh)
