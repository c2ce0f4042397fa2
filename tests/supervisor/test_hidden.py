"""The function's processes, of the same user, read nothing of the supervisor: neither memory nor environment."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.supervisor import wait_for

if TYPE_CHECKING:
    from supervisor.conftest import Functions

pytestmark = pytest.mark.processes

#: goes on without any capability, as a pod's container does: root's would let it read everything
DROP = """
import ctypes, os, sys
for capability in range(64): ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
POWERLESS = [sys.executable, "-I", "-S", "-c", DROP]
LOOK = """
import ctypes, os
def attempt(action):
    try:
        action()
    except OSError as error:
        return type(error).__name__
    return "it worked"
def look(folder):
    return {
        "environ": attempt(lambda: open(f"{folder}/environ", "rb").read(1)),
        "mem": attempt(lambda: open(f"{folder}/mem", "rb")),
        "maps": attempt(lambda: open(f"{folder}/maps", "rb").read(1)),
        "descriptors": attempt(lambda: open(f"{folder}/fd/1")),
        "root": attempt(lambda: os.readlink(f"{folder}/root")),
    }
def trace(pid):
    return ctypes.CDLL(None).ptrace(16, pid, 0, 0)
def handler(event, context):
    parent = os.getppid()
    return look(f"/proc/{parent}"), look("/proc/self"), trace(parent)
"""


def test_a_function_reads_nothing_of_the_supervisor_and_cannot_trace_it(functions: Functions) -> None:
    theirs, own, traced = functions.python(LOOK, under=POWERLESS).invoke().json
    assert own == dict.fromkeys(own, "it worked")
    assert theirs == dict.fromkeys(theirs, "PermissionError")
    assert traced == -1


@pytest.mark.skipif(not Path("/bin/sh").exists(), reason="this machine has no /bin/sh")
@pytest.mark.skipif(shutil.which("cat") is None, reason="this machine has no cat")
def test_not_even_one_that_looks_at_once(functions: Functions) -> None:
    script = "cat /proc/$PPID/environ > seen 2> refused\ntouch looked\nexec sleep 60\n"
    for _ in range(5):
        supervisor = functions.command(["/bin/sh", "-c", script], under=POWERLESS)
        wait_for((supervisor.folder / "looked").exists)
        assert (supervisor.folder / "seen").read_bytes() == b""
        assert "ermission" in (supervisor.folder / "refused").read_text()
