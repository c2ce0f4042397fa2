"""How a supervisor ends: nothing that was taken is lost, nothing is left."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from funclet.supervisor.drain import Drain
from support.supervisor import SUPERVISOR, is_alive, python_command, settings_for, wait_for

if TYPE_CHECKING:
    from supervisor.conftest import Functions

WAIT = """
import os, time
def handler(event, context):
    open("started", "w").close()
    while not os.path.exists("go"):
        time.sleep(0.005)
    return "done"
"""
ECHO = "def handler(event, context): return event"


def test_an_idle_instance_may_end_after_the_quiet_period() -> None:
    drain = Drain(5.0)
    assert drain.begin(100.0)
    assert drain.refusing
    assert not drain.over(104.9, working=False)
    assert drain.over(105.0, working=False)


def test_a_working_instance_may_not_end() -> None:
    drain = Drain(0.0)
    drain.begin(100.0)
    assert not drain.over(200.0, working=True)


def test_a_second_request_to_drain_changes_nothing() -> None:
    drain = Drain(5.0)
    drain.begin(100.0)
    assert not drain.begin(104.0)
    assert drain.over(105.0, working=False)


def test_a_retired_instance_does_not_end() -> None:
    drain = Drain(0.0)
    drain.retire()
    assert drain.refusing
    assert not drain.over(1e9, working=False)


@pytest.mark.processes
def test_what_runs_is_finished_and_new_work_refused(functions: Functions) -> None:
    supervisor = functions.python(WAIT)
    with supervisor.gateway() as one, supervisor.gateway() as two:
        one.send_invoke()
        wait_for((supervisor.folder / "started").exists)
        supervisor.terminate()
        wait_for(lambda: two.invoke().not_started == "draining")
        supervisor.terminate()
        (supervisor.folder / "go").touch()
        assert one.answer().json == "done"
    assert supervisor.exit_status() == 0
    assert not Path(supervisor.address).exists()


@pytest.mark.processes
def test_the_quiet_period_is_kept_listening(functions: Functions) -> None:
    supervisor = functions.python(ECHO, quiet_ms=700)
    with supervisor.gateway() as first:
        assert first.invoke().outcome == "ok"
        supervisor.terminate()
        wait_for(lambda: first.invoke().not_started == "draining")
        with supervisor.gateway() as second:
            assert second.invoke().not_started == "draining"
        assert supervisor.process.poll() is None
    assert supervisor.exit_status() == 0


@pytest.mark.processes
def test_an_event_that_waits_for_init_is_finished(functions: Functions) -> None:
    supervisor = functions.python(
        "import os, time\nwhile not os.path.exists('go'): time.sleep(0.005)\n" + ECHO
    )
    with supervisor.gateway() as one, supervisor.gateway() as two:
        one.send_invoke(b"5")
        wait_for(lambda: two.invoke().not_started == "busy")
        supervisor.terminate()
        wait_for(lambda: two.invoke().not_started == "draining")
        (supervisor.folder / "go").touch()
        assert one.answer().json == 5
    assert supervisor.exit_status() == 0


@pytest.mark.processes
def test_an_instance_that_still_starts_ends_at_once(functions: Functions) -> None:
    supervisor = functions.python("import time; time.sleep(60)")
    supervisor.gateway().socket.close()
    supervisor.terminate()
    assert supervisor.exit_status() == 0


@pytest.mark.processes
def test_a_large_answer_is_taken_before_the_end(functions: Functions) -> None:
    supervisor = functions.python("def handler(event, context): return 'x' * 6_000_000")
    with supervisor.gateway() as gateway:
        gateway.send_invoke()
        wait_for(lambda: supervisor.lines("REPORT"))
        supervisor.terminate()
        assert len(gateway.answer().json) == 6_000_000
    assert supervisor.exit_status() == 0


@pytest.mark.processes
def test_background_processes_end_with_it(functions: Functions) -> None:
    supervisor = functions.python(
        "import subprocess\n"
        "def handler(event, context):\n"
        "    return subprocess.Popen(['sleep', '60'], start_new_session=True).pid\n"
    )
    pid = supervisor.invoke().json
    assert is_alive(pid)
    supervisor.terminate()
    assert supervisor.exit_status() == 0
    assert not is_alive(pid)


PARENT = """
import subprocess, sys
child = subprocess.Popen(sys.argv[1:])
print(child.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.processes
def test_it_ends_with_its_parent_where_the_settings_say_so(functions: Functions) -> None:
    folder = functions.folder()
    (folder / "app.py").write_text("import time\ndef handler(event, context): time.sleep(60)")
    environment = {"FUNCLET_TEST_MARK": functions.mark}
    settings = settings_for(folder, python_command(), environment=environment, timeout_ms=60_000)
    (folder / "settings").write_text(json.dumps(settings))
    command = [sys.executable, "-I", "-S", str(SUPERVISOR), "--settings", str(folder / "settings")]
    with (folder / "log").open("wb") as log:
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    with parent:
        assert parent.stdout is not None
        supervisor = int(parent.stdout.readline())
        wait_for((folder / "s").exists)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    wait_for(lambda: not is_alive(supervisor))


@pytest.mark.processes
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "the settings are not JSON"),
        ("[]", "must be a JSON object"),
        ('{"revison": "x"}', "unknown setting 'revison'"),
    ],
)
def test_wrong_settings_are_told_on_standard_error(text: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(SUPERVISOR), "--settings", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr


@pytest.mark.processes
def test_settings_may_come_on_standard_input_and_the_socket_be_inherited(functions: Functions) -> None:
    folder = functions.folder()
    (folder / "app.py").write_text(ECHO)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.fileno()
        settings = settings_for(folder, python_command(), listen=f"fd:{number}")
        with subprocess.Popen(
            [sys.executable, "-I", "-S", str(SUPERVISOR), "--settings", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[number],
        ) as process:
            assert process.stdin is not None
            process.stdin.write(json.dumps(settings).encode())
            process.stdin.close()
            with socket.create_connection(listener.getsockname()) as connection:
                assert connection.recv(100).startswith(b"FUNCLET/1 boot=")
            process.terminate()
            assert process.wait(20) == 0
    assert not (folder / "s").exists()
