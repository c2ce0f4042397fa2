"""Progress as lines with the seconds since the start."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Progress:
    """Called with a line, prints it behind the seconds since the first one was made."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    clock: Callable[[], float] = time.monotonic
    _begun: float = field(init=False)

    def __post_init__(self) -> None:
        self._begun = self.clock()

    def __call__(self, line: str) -> None:
        """Say it, at once."""
        print(f"{self.clock() - self._begun:7.1f} s  {line}", file=self.stream, flush=True)
