"""Processes that outlive the command that started them, known again by pid files."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

POLL = 0.02


@dataclass(frozen=True)
class Process:
    """A process as it was when it started; `started` (clock ticks since boot) tells it from a later one by the same pid."""

    pid: int
    started: int

    @classmethod
    def seen(cls, pid: int) -> Process | None:
        """The process that has this pid now; None where there is none, or only its remains."""
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        try:
            stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
            threads = sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())
        except (FileNotFoundError, ProcessLookupError):
            return None
        # The name in parentheses may hold spaces; the state is the first field after it, the start time the 20th.
        state, *fields = stat.rpartition(")")[2].split()
        # While other threads of it end, the first is a zombie already, and the ports are still taken.
        return None if state in "ZX" and threads <= 1 else cls(pid, int(fields[18]))

    def lives(self) -> bool:
        """Whether this process, and not another with its pid, runs."""
        return Process.seen(self.pid) == self

    def signal(self, number: int) -> None:
        """Send a signal; nothing happens where the process is gone."""
        if self.lives():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Processes:
    """The processes of one folder: `NAME.pid` and `NAME.log` for each; each leads a session of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def start(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        stdin: int | None = None,
    ) -> Process:
        """Start a program; its output goes to the log, its standard input is `stdin` (a descriptor) or nothing."""
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        pid = os.posix_spawn(
            argv[0],
            [os.fspath(part) for part in argv],
            {**os.environ, **(env or {})},
            file_actions=[
                nothing if stdin is None else (os.POSIX_SPAWN_DUP2, stdin, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self._log(name)), append, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        process = Process.seen(pid) or Process(pid, -1)
        self._pid_file(name).write_text(f"{process.pid} {process.started}\n", "utf-8")
        return process

    def find(self, name: str) -> Process | None:
        """The process of that name, where it runs."""
        try:
            pid, started = self._pid_file(name).read_text("utf-8").split()
        except FileNotFoundError:
            return None
        process = Process(int(pid), int(started))
        return process if process.lives() else None

    def running(self) -> dict[str, Process]:
        """Those that run, by name."""
        names = sorted(path.stem for path in self._folder.glob("*.pid"))
        return {name: process for name in names if (process := self.find(name))}

    def end(self, names: Iterable[str] | None = None, *, grace: float) -> None:
        """End those names, or all: SIGTERM, and after `grace` seconds SIGKILL. Returns when they are gone."""
        running = self.running()
        chosen = [running[name] for name in (running if names is None else names) if name in running]
        end_processes(chosen, grace=grace)

    def said(self, name: str, lines: int = 12) -> str:
        """The end of a process's log."""
        try:
            text = self._log(name).read_text("utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def wait_until(
        self, ready: Callable[[], bool], names: Iterable[str], *, seconds: float, what: str
    ) -> None:
        """Poll until ready. Raises ClusterError when one of the processes ends before, or when time is up."""
        latest = time.monotonic() + seconds
        names = tuple(names)
        while not ready():
            for name in names:
                if self.find(name) is None:
                    raise ClusterError(f"{name} ended before {what}; it said:\n{self.said(name)}")
            if time.monotonic() > latest:
                tails = "\n".join(f"{name} said:\n{self.said(name)}" for name in names)
                raise ClusterError(f"{what}: not within {seconds:g} s\n{tails}")
            time.sleep(POLL)

    def _pid_file(self, name: str) -> Path:
        return self._folder / f"{name}.pid"

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


def end_processes(processes: Iterable[Process], *, grace: float) -> None:
    """SIGTERM, after `grace` seconds SIGKILL; returns when all are gone."""
    left = list(processes)
    for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
        if number == signal.SIGTERM and not grace:
            continue
        for process in left:
            process.signal(number)
        left = _wait_gone(left, seconds)
    if left:
        raise ClusterError(f"these processes cannot be ended: {', '.join(str(one.pid) for one in left)}")


def _wait_gone(processes: list[Process], seconds: float) -> list[Process]:
    """Those that still run after so many seconds; returns as soon as none does."""
    latest = time.monotonic() + seconds
    while (left := [one for one in processes if one.lives()]) and time.monotonic() < latest:
        time.sleep(POLL)
    return left
