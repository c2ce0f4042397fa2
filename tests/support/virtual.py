"""A loop in which time does not pass but jumps: whatever waits for a moment has it at once, in its order."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

from typing_extensions import override

P = ParamSpec("P")


class _Jump(selectors.DefaultSelector):
    """Waits for nothing: the time that it should have waited is what the clock is put forward by."""

    jumped = 0.0

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("everything waits, and nothing will ever happen")
            self.jumped += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time begins at 1000 s."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    @override
    def time(self) -> float:
        return 1000.0 + self._jump.jumped


def virtually(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Have a test run in such a loop; what it leaves behind is cancelled."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run
