"""A supervisor as the first process of a container: it reaps whoever is left to it, drains, and leaves nothing."""

from __future__ import annotations

import functools
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.supervisor import is_alive, wait_for

if TYPE_CHECKING:
    from supervisor.conftest import Functions
    from support.supervisor import Supervisor

pytestmark = pytest.mark.processes

_NAMESPACE = ["unshare", "--fork", "--pid", "--mount-proc", "--kill-child"]
CODE = """
import os, subprocess, sys, time
def orphan(seconds):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0: time.sleep(seconds)
        os._exit(0)
    os.wait()
def handler(event, context):
    if event == "pids": return [os.getpid(), os.getppid()]
    if event == "kill":
        os.kill(1, 9)
        subprocess.run([sys.executable, "-c", "import os; os.kill(1, 9); os.kill(-1, 0)"], check=True)
        return "alive"
    orphan(event["orphan"])
    open("began", "w").close()
    while not os.path.exists("go"): time.sleep(0.01)
    return "done"
"""


@functools.cache
def _namespace() -> list[str]:
    """A command that starts another as the first process of its own namespace; skips where none may."""
    for command in (_NAMESPACE, [*_NAMESPACE, "--map-root-user"]):
        try:
            done = subprocess.run([*command, "true"], capture_output=True, check=False)
        except FileNotFoundError:
            break
        if done.returncode == 0:
            return command
    return []


@pytest.fixture
def contained() -> list[str]:
    """Give such a command."""
    command = _namespace()
    if not command:
        pytest.skip("this machine lets nobody make a PID namespace")
    return command


def first(functions: Functions, contained: list[str], **changes: Any) -> Supervisor:
    return functions.python(CODE, under=contained, **{"parent_death": False, "timeout_ms": 60_000, **changes})


def states(supervisor: Supervisor) -> list[str]:
    """The states of the processes that descend from it: Z is one that nobody has reaped."""
    found = []
    for pid in supervisor.descendants():
        try:
            found.append(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def test_it_is_the_first_and_its_function_a_child(functions: Functions, contained: list[str]) -> None:
    pid, parent = first(functions, contained).invoke("pids").json
    assert (pid > 1, parent) == (True, 1)


def test_whoever_is_left_to_it_is_reaped(functions: Functions, contained: list[str]) -> None:
    supervisor = first(functions, contained)
    (supervisor.folder / "go").touch()
    with supervisor.gateway() as gateway:
        for _ in range(20):
            assert gateway.invoke(b'{"orphan": 0}').json == "done"
    wait_for(lambda: len(states(supervisor)) == 1)
    assert "Z" not in states(supervisor)


def test_on_sigterm_it_finishes_what_runs_and_ends_with_all_that_is_left(
    functions: Functions, contained: list[str]
) -> None:
    supervisor = first(functions, contained)
    with supervisor.gateway() as gateway:
        gateway.send_invoke(b'{"orphan": 60}')
        wait_for((supervisor.folder / "began").exists)
        left = supervisor.descendants()
        assert len(left) == 2
        supervisor.terminate()
        wait_for(lambda: supervisor.invoke().not_started == "draining")
        (supervisor.folder / "go").touch()
        assert gateway.answer().json == "done"
    assert supervisor.exit_status() == 0
    wait_for(lambda: not any(map(is_alive, left)))


def test_at_the_timeout_it_ends_everybody_but_itself(functions: Functions, contained: list[str]) -> None:
    supervisor = first(functions, contained, timeout_ms=1000)
    answer = supervisor.invoke({"orphan": 60})
    assert answer.json["errorType"] == "Sandbox.Timedout"
    assert supervisor.invoke("pids").json[1] == 1
    assert len(supervisor.descendants()) == 1


def test_a_function_cannot_kill_the_first_process(functions: Functions, contained: list[str]) -> None:
    """`kill -9 1` (bad input 62): the kernel lets nobody do that from within."""
    supervisor = first(functions, contained)
    before = supervisor.pid
    with supervisor.gateway() as gateway:
        for _ in range(3):
            assert gateway.invoke(b'"kill"').json == "alive"
        assert gateway.invoke(b'"pids"').json[1] == 1
    assert supervisor.pid == before


def test_it_serves_on_all_addresses_of_a_pod(functions: Functions, contained: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    supervisor = first(functions, contained, listen=f"tcp:0.0.0.0:{port}")
    assert supervisor.invoke("pids").json[1] == 1
    supervisor.wait_until_ready()
