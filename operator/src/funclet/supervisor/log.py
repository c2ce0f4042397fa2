"""A function's log: its own lines in order, the platform's around them, capped in length, rate and tail."""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from funclet.supervisor.invocation import Result
    from funclet.supervisor.log_lines import JsonLines, TextLines
    from funclet.supervisor.sink import Sink

LINE_LIMIT = 64 * 1024
TAIL_LIMIT = 4096
#: what a function may log at once, and each second, in bytes
BURST = 4 << 20
RATE = 1 << 20
_PIECE = 64 * 1024
_CUT = b" [truncated]\n"


class Allowance:
    """How much may still be logged: a bucket that fills by `rate` a second. Pure."""

    def __init__(self, burst: int, rate: int) -> None:
        self._burst = burst
        self._rate = rate
        self._left = float(burst)
        self._at = 0.0

    def take(self, size: int, now: float) -> bool:
        """Whether `size` bytes may pass now."""
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if size > self._left:
            return False
        self._left -= size
        return True


class LineCutter:
    """Whole lines out of pieces, none longer than the limit. Pure."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._partial = b""
        self._skipping = False

    def feed(self, piece: bytes) -> bytes:
        """Return the whole lines that are there now, each with its line end."""
        if not self._skipping and len(self._partial) + len(piece) <= self._limit:
            # No line can be too long: the usual case.
            end = piece.rfind(b"\n") + 1
            if not end:
                self._partial += piece
                return b""
            lines = self._partial + piece[:end]
            self._partial = piece[end:]
            return lines
        return self._feed_slowly(piece)

    def flush(self) -> bytes:
        """Return the line that has no end yet, with one."""
        line, self._partial, self._skipping = self._partial, b"", False
        return line + b"\n" if line else b""

    def _feed_slowly(self, piece: bytes) -> bytes:
        out = []
        *whole, rest = piece.split(b"\n")
        for line in whole:
            if self._skipping:
                self._skipping = False
                continue
            full = self._partial + line
            self._partial = b""
            out.append(full[: self._limit] + _CUT if len(full) > self._limit else full + b"\n")
        if not self._skipping:
            self._partial += rest
            if len(self._partial) > self._limit:
                out.append(self._partial[: self._limit] + _CUT)
                self._partial = b""
                self._skipping = True
        return b"".join(out)


class Log:
    """Joins the function's output and the platform's lines into one stream."""

    def __init__(self, sink: Sink, lines: TextLines | JsonLines) -> None:
        self._sink = sink
        self._lines = lines
        self._cutter = LineCutter(LINE_LIMIT)
        self._allowance = Allowance(BURST, RATE)
        self._unwritten = b""
        self._tail: bytes | None = None
        self._dropped_lines = 0
        self._dropped_bytes = 0
        self._source = -1

    def attach(self, source: int) -> None:
        """Read the function's output from `source`, a non-blocking pipe, from now on."""
        self._source = source

    def detach(self) -> None:
        """There is nothing more to read there."""
        self._source = -1

    def read(self, pieces: int = 1) -> bool:
        """Read what the function has written, at most so many pieces. False once nobody can write any more."""
        for _ in range(pieces):
            if self._source < 0:
                return False
            try:
                piece = os.read(self._source, _PIECE)
            except BlockingIOError:
                break
            if not piece:
                return False
            self._pass_on(self._cutter.feed(piece))
        return True

    def init_start(self) -> None:
        """A runtime process starts."""
        self._say(self._lines.init_start(time.time()))

    def init_report(self, init_us: int, status: str, error_type: str) -> None:
        """It could not."""
        self._say(self._lines.init_report(time.time(), init_us, status, error_type))
        self.write()

    def keep_tail(self) -> None:
        """Keep the last of what follows, until the end of the invocation."""
        self._tail = b""

    def start(self, request_id: str) -> None:
        """An invocation starts. Its line is written along with what follows, at the latest by `write`."""
        self._say(self._lines.start(time.time(), request_id))

    def end(self, request_id: str, result: Result) -> None:
        """Tell the end of the invocation, all that the function wrote having been read; fills in the tail. `write` is to follow."""
        now = time.time()
        self._pass_on(self._cutter.flush())
        self._tell_dropped()
        if result.outcome.line:
            self._say(self._lines.platform(now, result.outcome.line))
        self._say(self._lines.end(now, request_id, result))
        if self._tail is not None:
            result.log_tail = self._tail[-TAIL_LIMIT:]
            self._tail = None

    def platform(self, text: str) -> None:
        """Something else that whoever reads the log should know."""
        self._say(self._lines.platform(time.time(), text))
        self.write()

    def write(self) -> None:
        """Write what is waiting."""
        if self._unwritten:
            self._sink.write(self._unwritten)
            self._unwritten = b""

    def finish(self) -> None:
        """Write all that is left, at the supervisor's end."""
        self._pass_on(self._cutter.flush())
        self._tell_dropped()
        self.write()
        self._sink.finish()

    def _pass_on(self, lines: bytes) -> None:
        if not lines:
            return
        if self._sink.full or not self._allowance.take(len(lines), time.monotonic()):
            self._dropped_lines += lines.count(b"\n")
            self._dropped_bytes += len(lines)
            if self._tail is not None:
                kept = lines[-TAIL_LIMIT - LINE_LIMIT :]
                self._tail = (self._tail + self._lines.function(time.time(), kept))[-TAIL_LIMIT:]
            return
        self._tell_dropped()
        self._say(self._lines.function(time.time(), lines))
        self.write()

    def _tell_dropped(self) -> None:
        if self._dropped_lines:
            self._say(self._lines.dropped(time.time(), self._dropped_lines, self._dropped_bytes))
            self._dropped_lines = self._dropped_bytes = 0

    def _say(self, text: bytes) -> None:
        self._unwritten += text
        if self._tail is not None:
            self._tail = (self._tail + text)[-TAIL_LIMIT:]
