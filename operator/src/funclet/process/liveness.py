"""When a process is to be started again: its watches are silent, and the API server is not."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from funclet.kube.cluster_port import ForbiddenError
from funclet.kube.port import KubeError, NotFoundError

#: seconds that the API server may take: fewer than a probe waits
_PATIENCE: Final = 3.0


class Watches(Protocol):
    """What is known of a process's watches; see kube/hearing."""

    def silent(self) -> list[str]:
        """Name those that say nothing though something is due."""
        ...

    def excuse(self) -> None:
        """Begin to count anew."""
        ...


class Liveness:
    """Asks the API server before it says that a watch is dead: while that is away, a new start would help nobody."""

    def __init__(self, watches: Watches, ask: Callable[[], Awaitable[object]]) -> None:
        """`ask`: a request that costs little. Raises KubeError."""
        self._watches = watches
        self._ask = ask

    async def __call__(self) -> list[str]:
        """Name the watches that are dead."""
        silent = self._watches.silent()
        if silent and not await self._answers():
            self._watches.excuse()
            return []
        return silent

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._ask()
        except (NotFoundError, ForbiddenError):
            return True
        except (KubeError, TimeoutError):
            return False
        return True
