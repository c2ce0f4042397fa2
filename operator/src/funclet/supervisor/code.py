"""The function's code, which a pod fetches before its first runtime process starts, and looks at before each other."""

from __future__ import annotations

import os

from funclet.supervisor.child import Child
from funclet.supervisor.outcome import Fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from funclet.supervisor.loop import Loop
    from funclet.supervisor.pod_settings import CodeSource

#: seconds for all tries together
_LIMIT = 60
_THERE = b"there\n"


class Code:
    """Code that has to come first. While it does, the loop goes on."""

    def __init__(self, loop: Loop, source: CodeSource) -> None:
        self._loop = loop
        self._source = source
        self._coming = False
        #: what it was when it came
        self._seal = b""
        #: whether it is there, and may be run as it is
        self.there = False

    def runs(self) -> None:
        """A process runs it, which may change it."""
        self.there = False

    def fetch(self, done: Callable[[Fault | None], None]) -> None:
        """Bring it, or see to it that it is as it was, unless that is under way; then call `done`, with what went wrong."""
        if self._coming:
            return
        self._coming = True

        def told(result: bytes) -> None:
            self._coming = False
            self.there = result.startswith(_THERE)
            if self.there:
                self._seal = result.removeprefix(_THERE)
            done(None if self.there else _fault(result))

        try:
            Child(self._loop, self._restore if self._seal else self._bring, told, _LIMIT)
        except OSError as error:
            told(b"CodeUnavailable\n" + str(error).encode())

    def _bring(self) -> bytes:
        """In the child."""
        from funclet.supervisor.fetch import CodeError, fetch  # noqa: PLC0415 - for the child alone

        try:
            return _THERE + fetch(self._source)
        except CodeError as error:
            return f"{error.error_type}\n{error}".encode()

    def _restore(self) -> bytes:
        """In the child."""
        from funclet.supervisor.seal import restore  # noqa: PLC0415 - for the child alone

        folder = self._source.folder
        try:
            if restore(folder, self._seal):
                return _THERE + self._seal
        except OSError as error:
            return f"CodeUnavailable\n{folder}: {os.strerror(error.errno or 0)}".encode()
        return f"CodeChanged\nThe function has changed its own code in {folder}, which does not run again".encode()


def _fault(result: bytes) -> Fault:
    error_type, told, message = result.decode(errors="replace").partition("\n")
    if not error_type:
        return Fault("CodeUnavailable", f"The function's code was not ready within {_LIMIT} seconds")
    if not told:
        # No fault that is foreseen has a single line.
        return Fault("CodeUnavailable", f"The function's code could not be made ready: {error_type}")
    return Fault(error_type, message)
