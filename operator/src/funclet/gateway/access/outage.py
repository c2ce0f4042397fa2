"""Whether the API server is away, as those who ask it notice it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import structlog

from funclet.kube.cluster_port import UnreachableError
from funclet.kube.port import KubeError

_log = structlog.get_logger(__name__)

#: seconds in which the API server answers at least one of those who ask, or is away
_SILENCE = 1.0
#: seconds for which a question is asked
_LONGEST = 10.0
_SERVER_ERROR = 500


class Outage:
    """It begins with a question that fails, or when nobody is answered for a second; any answer ends it."""

    def __init__(self, on_silence: Callable[[], None]) -> None:
        """`on_silence` is called when those who ask wait in vain."""
        self.present = False
        self._on_silence = on_silence
        self._answers = 0

    def answered(self) -> None:
        """Take note that the API server answered, whatever it was."""
        self._answers += 1
        if self.present:
            self.present = False
            _log.info("the API server answers questions about callers again")

    def is_sign(self, error: KubeError | TimeoutError) -> bool:
        """Take note of an error; whether it means that the API server could not answer."""
        if not isinstance(error, TimeoutError | UnreachableError) and error.status < _SERVER_ERROR:
            # It refuses, and so it is there.
            self.answered()
            return False
        self._begin(str(error) or "no answer in time")
        return True

    @asynccontextmanager
    async def asking(self) -> AsyncGenerator[None]:
        """Ask in here: silence is noticed, and raises TimeoutError in the end."""
        loop = asyncio.get_running_loop()
        listening: asyncio.TimerHandle

        def listen(before: int) -> None:
            nonlocal listening
            listening = loop.call_later(_SILENCE, listen, self._answers)
            if self._answers == before:
                self._begin("it does not answer")
                self._on_silence()

        listening = loop.call_later(_SILENCE, listen, self._answers)
        try:
            async with asyncio.timeout(_LONGEST):
                yield
        finally:
            listening.cancel()

    def _begin(self, why: str) -> None:
        if not self.present:
            self.present = True
            _log.warning("the API server is away; who was let in lately is let in without asking", why=why)
