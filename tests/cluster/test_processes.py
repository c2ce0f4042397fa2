"""Processes that outlive the command that started them."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluster.errors import ClusterError
from cluster.processes import Process, Processes
from support.supervisor import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = pytest.mark.processes
SLEEPS = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]
FAILS = [sys.executable, "-c", "raise SystemExit('no disk')"]


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(tmp_path)
    yield made
    made.end(grace=0)


def test_a_process_is_found_again_by_whoever_looks_into_the_folder(
    processes: Processes, tmp_path: Path
) -> None:
    started = processes.start("sleeps", SLEEPS)
    assert Processes(tmp_path).running() == {"sleeps": started}


def test_an_ended_process_is_not_found(processes: Processes) -> None:
    processes.start("sleeps", SLEEPS)
    processes.end(["sleeps"], grace=5)
    assert processes.find("sleeps") is None


def test_a_later_process_with_the_same_pid_is_another(processes: Processes, tmp_path: Path) -> None:
    started = processes.start("sleeps", SLEEPS)
    (tmp_path / "sleeps.pid").write_text(f"{started.pid} {started.started - 1}\n", "utf-8")
    assert processes.find("sleeps") is None
    processes.end(grace=0)
    assert started.lives()
    Process(started.pid, started.started).signal(9)


def test_what_ignores_sigterm_is_killed_when_its_time_is_up(processes: Processes) -> None:
    started = processes.start("stubborn", STUBBORN)
    wait_for(lambda: processes.said("stubborn"))
    begun = time.monotonic()
    processes.end(grace=0.3)
    assert time.monotonic() - begun >= 0.3
    assert not started.lives()


def test_a_process_leads_a_session_of_its_own(processes: Processes) -> None:
    started = processes.start("sleeps", SLEEPS)
    stat = Path(f"/proc/{started.pid}/stat").read_text("utf-8")
    session = stat.rpartition(")")[2].split()[3]
    assert int(session) == started.pid


def test_waiting_ends_with_what_a_process_said_when_it_ends_too_early(processes: Processes) -> None:
    processes.start("fails", FAILS)
    with pytest.raises(ClusterError, match=r"fails ended before it works; it said:\nno disk"):
        processes.wait_until(lambda: False, ["fails"], seconds=10, what="it works")


def test_waiting_ends_when_time_is_up(processes: Processes) -> None:
    processes.start("sleeps", SLEEPS)
    wait_for(lambda: processes.said("sleeps"))
    with pytest.raises(ClusterError, match=r"it works: not within 0.1 s\nsleeps said:\nup"):
        processes.wait_until(lambda: False, ["sleeps"], seconds=0.1, what="it works")
