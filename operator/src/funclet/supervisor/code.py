"""The function's code, which a pod fetches before its first runtime process starts."""

from __future__ import annotations

from funclet.supervisor.child import Child
from funclet.supervisor.outcome import Fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from funclet.supervisor.loop import Loop
    from funclet.supervisor.pod_settings import CodeSource

#: seconds for all tries together
_LIMIT = 60
_THERE = b"there"


class Code:
    """Code that has to come first. While it does, the loop goes on."""

    def __init__(self, loop: Loop, source: CodeSource) -> None:
        self._loop = loop
        self._source = source
        self._coming = False
        #: whether it is there
        self.there = False

    def fetch(self, done: Callable[[Fault | None], None]) -> None:
        """Bring it, unless it is on its way; then call `done`, with what went wrong."""
        if self._coming:
            return
        self._coming = True

        def told(result: bytes) -> None:
            self._coming = False
            self.there = result == _THERE
            done(None if self.there else _fault(result))

        try:
            Child(self._loop, self._bring, told, _LIMIT)
        except OSError as error:
            told(b"CodeUnavailable\n" + str(error).encode())

    def _bring(self) -> bytes:
        """In the child."""
        from funclet.supervisor.fetch import CodeError, fetch  # noqa: PLC0415 - for the child alone

        try:
            fetch(self._source)
        except CodeError as error:
            return f"{error.error_type}\n{error}".encode()
        return _THERE


def _fault(result: bytes) -> Fault:
    error_type, told, message = result.decode(errors="replace").partition("\n")
    if not error_type:
        return Fault("CodeUnavailable", f"The function's code could not be fetched within {_LIMIT} seconds")
    if not told:
        # No fault that is foreseen has a single line.
        return Fault("CodeUnavailable", f"The function's code could not be fetched: {error_type}")
    return Fault(error_type, message)
