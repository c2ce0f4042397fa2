"""How much memory the function's processes hold; read often, so it is read cheaply."""

from __future__ import annotations

import os

#: seconds between samples of a process that answers many events
_PAUSE = 0.005
_PAGE = os.sysconf("SC_PAGE_SIZE")
#: processes of the supervisor itself, which the function does not answer for
OWN: set[int] = set()


class MemoryMeter:
    """Watches one runtime process and whatever descends from it. All figures are bytes."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.peak = 0
        self._due = 0.0
        try:
            self._statm = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._statm = -1

    def sample(self) -> int:
        """Resident memory of the runtime process alone: one system call."""
        used = _resident(self._statm)
        self.peak = max(self.peak, used)
        return used

    def sample_if_due(self, now: float) -> None:
        """Sample, unless that was done a moment ago; `now` by the monotonic clock."""
        if now >= self._due:
            self._due = now + _PAUSE
            self.sample()

    def survey(self, pids: list[int], limit: int) -> int:
        """Memory of all `pids`, the runtime process among them.

        Pages that processes share are counted once, which is looked at only where it could matter.
        """
        used = self.sample()
        pids = [pid for pid in pids if pid not in OWN]
        for pid in pids:
            if pid != self._pid:
                used += _resident_of(pid)
        if used > limit and len(pids) > 1:
            used = sum(_proportional(pid) for pid in pids)
        self.peak = max(self.peak, used)
        return used

    def close(self) -> None:
        """Let go of the process."""
        if self._statm >= 0:
            os.close(self._statm)
            self._statm = -1


def _resident(descriptor: int) -> int:
    try:
        return int(os.pread(descriptor, 128, 0).split(b" ", 2)[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0


def _resident_of(pid: int) -> int:
    try:
        descriptor = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        return _resident(descriptor)
    finally:
        os.close(descriptor)


def _proportional(pid: int) -> int:
    """Resident memory with each shared page divided among those who share it."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as rollup:  # noqa: PTH123 - pathlib costs milliseconds of a cold start
            for line in rollup:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) << 10
    except (OSError, IndexError, ValueError):
        pass
    return _resident_of(pid)
