"""What functions wrote: the newest lines in memory, all of them in files of bounded size, and whoever follows."""

import asyncio
import contextlib
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TextIO

from funclet.plan.revision import Revision

_KEPT_LINES = 10_000
_FILE_BYTES = 16 << 20
_FOLLOWER_LINES = 10_000
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")

Line = tuple[str, str]
"""Version and text."""


class _FunctionLog:
    """One function's log. The file is turned over once: at most two of them are kept."""

    def __init__(self, path: Path, complain: Callable[[str], None]) -> None:
        self._path = path
        self._complain = complain
        self._told = False
        self.lines: deque[Line] = deque(_tail_of(path), maxlen=_KEPT_LINES)
        self.followers: set[asyncio.Queue[Line]] = set()
        self._file: TextIO | None = None
        self._size = path.stat().st_size if path.exists() else 0

    def append(self, version: str, text: str) -> None:
        """Keep a line. Where the file cannot take it, memory and followers still do, and it is told once."""
        try:
            self._write(f"{version}\t{text}\n")
            self._told = False
        except OSError as error:
            self.close()
            if not self._told:
                self._complain(f"{self._path} cannot be written, so lines are lost: {error.strerror}")
            self._told = True
        self.lines.append((version, text))
        for follower in self.followers:
            if follower.full():
                follower.get_nowait()  # a slow reader loses the oldest lines, not everybody's memory
            follower.put_nowait((version, text))

    def _write(self, record: str) -> None:
        if self._file is None or self._size > _FILE_BYTES:
            self._turn()
        assert self._file is not None  # noqa: S101  # opened by _turn
        self._file.write(record)
        self._size += len(record)

    def _turn(self) -> None:
        self.close()
        if self._size > _FILE_BYTES:
            self._path.rename(self._path.with_suffix(".log.1"))
            self._size = 0
        self._file = self._path.open("a", buffering=1, errors="replace")

    def close(self) -> None:
        file, self._file = self._file, None
        if file:
            with contextlib.suppress(OSError):  # closing flushes, and a full disk refuses that
                file.close()


class Logs:
    """The logs of all functions, below `folder`.

    `echo` is called with each line as it comes, `complain` with a sentence where lines cannot be kept in files.
    """

    def __init__(
        self,
        folder: Path,
        echo: Callable[[Revision, str], None],
        complain: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._folder = folder
        self._echo = echo
        self._complain = complain
        self._logs: dict[str, _FunctionLog] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, revision: Revision, _stream: str, text: str) -> None:
        """Take one line of an instance of this revision."""
        self._log(revision.function).append(revision.version, text)
        self._echo(revision, text)

    async def lines(
        self, function: str, *, versions: frozenset[str], tail: int | None, follow: bool
    ) -> AsyncIterator[str]:
        """The newest `tail` lines (all that are kept, if None) of these versions (of all, if none is named), then, if asked, each new one without end."""
        log = self._log(function)
        queue: asyncio.Queue[Line] = asyncio.Queue(_FOLLOWER_LINES)
        chosen = [text for of, text in log.lines if not versions or of in versions]
        if follow:
            log.followers.add(queue)
        try:
            for text in chosen if tail is None else chosen[len(chosen) - min(tail, len(chosen)) :]:
                yield text
            while follow:
                of, text = await queue.get()
                if not versions or of in versions:
                    yield text
        finally:
            log.followers.discard(queue)

    def close(self) -> None:
        """Close the files."""
        for log in self._logs.values():
            log.close()

    def _log(self, function: str) -> _FunctionLog:
        if function not in self._logs:
            self._logs[function] = _FunctionLog(
                self._folder / f"{_UNSAFE.sub('_', function)}.log", self._complain
            )
        return self._logs[function]


def _tail_of(path: Path) -> list[Line]:
    if not path.exists():
        return []
    with path.open(errors="replace", newline="\n") as file:
        newest = deque(file, maxlen=_KEPT_LINES)
    return [(version, text.rstrip("\n")) for version, _, text in (line.partition("\t") for line in newest)]
