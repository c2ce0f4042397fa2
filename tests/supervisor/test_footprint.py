"""A supervisor starts with little, and keeps nothing of what it has done."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.supervisor import SUPERVISOR, wait_for

if TYPE_CHECKING:
    from supervisor.conftest import Functions

pytestmark = pytest.mark.processes

CODE = """
import os, subprocess, time
def handler(event, context):
    if event == "exit": os._exit(1)
    if event == "hang": time.sleep(60)
    if event == "child": subprocess.Popen(["sleep", "60"])
    if event == "large": return "x" * 7_000_000
    if event == "fail": raise ValueError
    if event == "print": print("x" * 100_000)
    return event
"""
HEAVY = [
    "asyncio",
    "ctypes",
    "dataclasses",
    "enum",
    "http",
    "json",
    "logging",
    "pathlib",
    "re",
    "socket",
    "subprocess",
    "threading",
    "typing",
]


@pytest.mark.parametrize("module", ["main", "pod", "pod_settings", "code", "announce"])
def test_it_starts_without_the_heavy_modules(tmp_path: Path, module: str) -> None:
    script = (
        "import sys; sys.path.append(sys.argv[1]); before = set(sys.modules); import funclet.supervisor.main; "
        f"assert 'funclet.supervisor.pod' not in sys.modules; import funclet.supervisor.{module}; "
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, str(SUPERVISOR.parent.parent)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    loaded = done.stdout.split()
    assert "funclet.supervisor.instance" in loaded
    assert set(loaded).isdisjoint(HEAVY)


def test_it_keeps_neither_descriptors_nor_processes(functions: Functions) -> None:
    supervisor = functions.python(CODE, timeout_ms=100)
    supervisor.wait_until_ready()

    def held() -> tuple[int, int]:
        # An answer on a new connection says that the ends of earlier ones have been seen.
        with supervisor.gateway() as gateway:
            gateway.request("GET", "/ready")
            return len(list(Path(f"/proc/{supervisor.pid}/fd").iterdir())), len(supervisor.descendants())

    before = held()
    events = ["echo", "exit", "fail", "large", "print", "child", "echo", "exit"]
    for number in range(200):
        event = "hang" if number % 25 == 24 else events[number % len(events)]
        assert supervisor.invoke(event).outcome in {"ok", "error"}
    supervisor.invoke("exit")
    supervisor.wait_until_ready()
    wait_for(lambda: held() == before)


def test_its_memory_stays_small(functions: Functions) -> None:
    supervisor = functions.python("def handler(event, context): return event")
    with supervisor.gateway() as gateway:
        for _ in range(1000):
            gateway.invoke()
    status = Path(f"/proc/{supervisor.pid}/status").read_text()
    [resident] = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")]
    assert resident < 40_000
