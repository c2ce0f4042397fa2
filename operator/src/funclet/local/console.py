"""What the person at the terminal sees: short lines, coloured only on a terminal."""

import re
import sys
from typing import TextIO

from funclet.plan.revision import Revision

_PALETTE = (36, 35, 32, 33, 34, 96, 95, 92)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_PLATFORM = ("START RequestId: ", "END RequestId: ", "INIT_START ")


class Console:
    """Writes lines to `stream`. Lines of functions begin with the function's name, each in its own colour."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._colours = self._stream.isatty()
        self._of: dict[str, int] = {}

    def say(self, text: str) -> None:
        """Something that happened."""
        self._write(_safe(text))

    def warn(self, text: str) -> None:
        """Something that a person should look at."""
        self._write(self._paint(33, _safe(text)))

    def error(self, text: str) -> None:
        """Something that does not work until a person mends it."""
        self._write(self._paint(31, _safe(text)))

    def log(self, revision: Revision, text: str) -> None:
        """A line of a function's log; the platform's START and END would only be noise here."""
        if text.startswith(_PLATFORM):
            return
        name = (
            revision.function_name
            if revision.version == "$LATEST"
            else f"{revision.function_name}:{revision.version}"
        )
        colour = self._of.setdefault(revision.function_name, _PALETTE[len(self._of) % len(_PALETTE)])
        dim = text.startswith("REPORT RequestId: ")
        safe = _safe(text.rstrip())
        self._write(f"{self._paint(colour, name)}  {self._paint(2, safe) if dim else safe}")

    def _paint(self, code: int, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colours else text

    def _write(self, line: str) -> None:
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            return  # nobody reads any more, or a disk is full; functions are served all the same


def _safe(text: str) -> str:
    """A function must not move the cursor or rename the window of whoever watches it, nor by way of an error."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
