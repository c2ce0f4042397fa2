"""A supervisor that is killed takes the function's processes along, however busy they are."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from support.supervisor import PATIENCE, Supervisor, is_alive, wait_for

if TYPE_CHECKING:
    from supervisor.conftest import Functions

pytestmark = pytest.mark.processes

#: tells of itself in the file "pids", and pays no attention to anything
BUSY = """
import os, signal, subprocess, sys, time
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGIO): signal.signal(number, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
def busy():
    with open("pids.new", "w") as file: file.write(f"{os.getpid()} {child.pid}")
    os.rename("pids.new", "pids")
    while True: pass
"""


def assert_it_takes_along_its_function(supervisor: Supervisor) -> None:
    """Kill the supervisor once its function is busy, and wait for the end of the function's processes."""
    wait_for((supervisor.folder / "pids").exists)
    pids = [int(pid) for pid in (supervisor.folder / "pids").read_text().split()]
    os.kill(supervisor.pid, signal.SIGKILL)
    supervisor.process.wait(PATIENCE)
    try:
        wait_for(lambda: not any(map(is_alive, pids)))
    finally:
        for pid in filter(is_alive, pids):
            os.kill(pid, signal.SIGKILL)


def test_a_busy_function_ends_with_its_supervisor(functions: Functions) -> None:
    supervisor = functions.python(f"{BUSY}\ndef handler(event, context): busy()", timeout_ms=60_000)
    with supervisor.gateway() as gateway:
        gateway.send_invoke()
        assert_it_takes_along_its_function(supervisor)


def test_so_does_any_executable_that_has_not_even_asked_for_an_event(functions: Functions) -> None:
    supervisor = functions.command([sys.executable, "app.py"], {"app.py": f"{BUSY}\nbusy()"})
    assert_it_takes_along_its_function(supervisor)


def test_a_function_in_nodejs_does_too(functions: Functions) -> None:
    code = (
        "import { writeFileSync, renameSync } from 'node:fs';\n"
        "export function handler() { writeFileSync('new', `${process.pid}`); renameSync('new', 'pids'); for (;;); }\n"
    )
    supervisor = functions.nodejs(code, "index.mjs", timeout_ms=60_000)
    with supervisor.gateway() as gateway:
        gateway.send_invoke()
        assert_it_takes_along_its_function(supervisor)


def test_a_process_that_was_started_anew_is_tied_as_well(functions: Functions) -> None:
    code = f"{BUSY}\ndef handler(event, context): busy() if event else os._exit(1)"
    supervisor = functions.python(code, timeout_ms=60_000)
    supervisor.invoke(0)
    with supervisor.gateway() as gateway:
        gateway.send_invoke(b"1")
        assert_it_takes_along_its_function(supervisor)
