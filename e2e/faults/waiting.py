"""Waiting for a condition, while a load goes on."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Found = TypeVar("Found")
EVERY = 0.4


async def until(ask: Callable[[], Found], what: str, seconds: float = 60, every: float = EVERY) -> Found:
    """Ask, in a thread, until the answer is true; gives it. Raises TimeoutError with what was waited for."""
    latest = time.monotonic() + seconds
    while not (found := await asyncio.to_thread(ask)):
        if time.monotonic() > latest:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        await asyncio.sleep(every)
    return found
