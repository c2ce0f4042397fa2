"""Checks that take long, a slice of one per round of the loop, so that the other callers hardly notice."""

import asyncio
from collections import deque
from collections.abc import Callable

from funclet.gateway.ports import Abandonable
from funclet.lambda_api.errors import AwsError
from funclet.lambda_api.invoke import Checking

Then = Callable[[bytes | AwsError], Abandonable | None]


class Checked:
    """A request whose event is looked at; afterwards it stands for the call that came of it."""

    def __init__(self, checking: Checking, then: Then) -> None:
        self._checking = checking
        self._then = then
        self._abandoned = False
        self._call: Abandonable | None = None

    def abandon(self) -> None:
        """Take note that the caller has left."""
        self._abandoned = True
        if self._call is not None:
            self._call.abandon()

    def go_on(self) -> bool:
        """Look at one more slice; False: it is over."""
        if self._abandoned:
            return False
        try:
            next(self._checking)
        except StopIteration as end:
            self._call = self._then(end.value)
            return False
        return True


class Checks:
    """The checks under way, each in its turn."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Checked] = deque()
        self._none = asyncio.Event()
        self._none.set()

    def begin(self, checking: Checking, then: Then) -> Abandonable | None:
        """Check, and call `then` with the result: at once where one slice is enough, which returns what it does."""
        try:
            next(checking)
        except StopIteration as end:
            return then(end.value)
        checked = Checked(checking, then)
        self._waiting.append(checked)
        if self._none.is_set():
            self._none.clear()
            self._loop.call_soon(self._go_on)
        return checked

    async def settle(self) -> None:
        """Wait until none is under way."""
        await self._none.wait()

    def _go_on(self) -> None:
        checked = self._waiting.popleft()
        try:
            if checked.go_on():
                self._waiting.append(checked)
        finally:
            # Whatever became of this one, the others have their turn.
            if self._waiting:
                self._loop.call_soon(self._go_on)
            else:
                self._none.set()
