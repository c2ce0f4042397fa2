"""What happens when a handler fails, exits, hangs or takes too much (bad inputs 27, 61 to 66, 68, 72, 75)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.supervisor import is_alive, wait_for

if TYPE_CHECKING:
    from supervisor.conftest import Functions

pytestmark = pytest.mark.processes

#: does what the event names; "pid" tells which process this is
CODE = """
import os, signal, subprocess, sys, threading, time
count = 0
def recurse():
    error = ValueError("circle")
    error.__cause__ = error
    raise error
class Odd(Exception):
    def __str__(self):
        raise RuntimeError("no")
def grow():
    kept = []
    while True:
        kept.append(bytearray(4 << 20))
        time.sleep(0.001)
def handler(event, context):
    global count
    count += 1
    exec(event, globals())
    return [count, os.getpid()]
"""
OK = "pass"
#: finds the descriptor over which the client speaks with the supervisor
FIND_API = "import stat; api = next(n for n in range(3, 100) if os.path.exists(f'/dev/fd/{n}') and stat.S_ISSOCK(os.fstat(n).st_mode))"


def test_an_error_is_told_in_lambdas_shape_and_the_process_lives(functions: Functions) -> None:
    supervisor = functions.python("def handler(event, context):\n    return event['missing']\n")
    answer = supervisor.invoke({}, lambda_runtime_aws_request_id="r-1")
    assert answer.outcome == "error"
    assert answer.body.decode() == (
        '{"errorMessage": "\'missing\'", "errorType": "KeyError", "requestId": "r-1", "stackTrace": '
        f'["  File \\"{supervisor.folder}/app.py\\", line 2, in handler\\n    return event[\'missing\']\\n"]}}'
    )
    assert supervisor.said("[ERROR] KeyError: 'missing'")
    assert supervisor.invoke({"missing": 1}).json == 1
    assert len(supervisor.lines("INIT_START")) == 1


@pytest.mark.parametrize(
    ("code", "error_type", "message"),
    [
        ("raise ValueError('x' * 10_000_000)", "ValueError", "x" * 262144 + "... [truncated]"),
        ("raise Odd", "Odd", "<exception str() failed>"),
        ("recurse()", "ValueError", "circle"),
        ("raise KeyboardInterrupt", None, None),
        ("def f(): f()\nf()", "RecursionError", "maximum recursion depth exceeded"),
    ],
)
def test_odd_errors_are_told_and_capped(
    functions: Functions, code: str, error_type: str | None, message: str | None
) -> None:
    supervisor = functions.python(CODE)
    answer = supervisor.invoke(code)
    assert answer.outcome == "error"
    assert len(answer.body) < 1_000_000
    if error_type is not None:
        assert answer.json["errorType"] == error_type
        assert answer.json["errorMessage"].startswith(message)
    assert supervisor.invoke(OK).outcome == "ok"


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("os._exit(1)", "Runtime exited with error: exit status 1"),
        ("sys.exit(0)", "Runtime exited without providing a reason"),
        ("sys.exit(7)", "Runtime exited with error: exit status 7"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "Runtime exited with error: signal: killed"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "Runtime exited with error: signal: terminated"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_an_exit_is_told_at_once_and_the_next_call_finds_a_new_process(
    functions: Functions, code: str, how: str
) -> None:
    supervisor = functions.python(CODE)
    _, before = supervisor.invoke(OK).json
    began = time.monotonic()
    answer = supervisor.invoke(code, lambda_runtime_aws_request_id="r-1")
    assert time.monotonic() - began < 1
    assert answer.outcome == "error"
    assert answer.json["errorType"] == "Runtime.ExitError"
    assert answer.json["errorMessage"].removesuffix(" (core dumped)") == f"RequestId: r-1 Error: {how}"
    after = supervisor.invoke(OK)
    assert after.json[0] == 1
    assert after.json[1] != before
    assert "x-funclet-init-us" in after.headers


def test_a_function_that_kills_process_1_harms_nobody(functions: Functions) -> None:
    supervisor = functions.python(CODE)
    code = "try:\n    os.kill(1, 0)\nexcept PermissionError:\n    pass"
    assert supervisor.invoke(code).outcome == "ok"


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "time.sleep(60)",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)",
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\ntime.sleep(60)",
        "subprocess.run(['sleep', '60'])",
        "for _ in range(20): threading.Thread(target=time.sleep, args=(60,)).start()\ntime.sleep(60)",
        "os.kill(os.getpid(), signal.SIGSTOP)",
    ],
)
def test_at_the_timeout_everything_is_ended_and_told(functions: Functions, code: str) -> None:
    supervisor = functions.python(CODE, timeout_ms=300)
    supervisor.wait_until_ready()
    before = supervisor.descendants()
    began = time.monotonic()
    answer = supervisor.invoke(code, lambda_runtime_aws_request_id="r-1")
    assert 0.3 <= time.monotonic() - began < 1.3
    assert answer.body.decode() == (
        '{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: r-1 Error: Task timed out after 0.30 seconds"}'
    )
    assert not any(is_alive(pid) for pid in before)
    assert 300_000 <= int(answer.headers["x-funclet-duration-us"]) < 1_300_000
    assert supervisor.said("r-1 Task timed out after 0.30 seconds")
    assert supervisor.said("Status: timeout")
    after = supervisor.invoke(OK)
    assert (after.outcome, after.json[0]) == ("ok", 1)


DAEMON = """
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            os.write(write, b"%d " % os.getpid())
            time.sleep(60)
    os._exit(0)
os.wait()
pids = b""
while pids.count(b" ") < 3:
    pids += os.read(read, 100)
open("pids", "wb").write(pids)
"""


def test_a_daemon_does_not_survive_its_process(functions: Functions) -> None:
    supervisor = functions.python(CODE, timeout_ms=1000)
    supervisor.invoke(DAEMON)
    pids = [int(word) for word in (supervisor.folder / "pids").read_text().split()]
    assert all(is_alive(pid) for pid in pids)
    supervisor.invoke("os._exit(1)")
    assert not any(is_alive(pid) for pid in pids)


def test_many_children_that_fork_are_all_ended(functions: Functions) -> None:
    supervisor = functions.python(CODE, timeout_ms=700)
    supervisor.invoke(
        "import resource\n"
        "deadline = time.monotonic() + 5\n"
        "for _ in range(4):\n"
        "    if os.fork() == 0:\n"
        "        while time.monotonic() < deadline:\n"
        "            if os.fork() == 0:\n"
        "                os.setsid()\n"
        "            else:\n"
        "                time.sleep(0.002)\n"
        "                os._exit(0)\n"
        "time.sleep(60)"
    )
    assert supervisor.invoke(OK).outcome == "ok"
    assert len(supervisor.descendants()) == 1


@pytest.mark.parametrize(
    "code",
    [
        "grow()",
        "if os.fork() == 0: grow()\nos.wait()",
        "if os.fork() == 0:\n    os.setsid()\n    grow()\ntime.sleep(60)",
    ],
)
def test_at_the_memory_limit_everything_is_ended_and_told(functions: Functions, code: str) -> None:
    supervisor = functions.python(CODE, memory_mb=64, timeout_ms=20_000)
    answer = supervisor.invoke(code, lambda_runtime_aws_request_id="r-1")
    assert answer.json["errorType"] == "Runtime.OutOfMemory"
    assert answer.json["errorMessage"].startswith(
        "RequestId: r-1 Error: Runtime exceeded its memory limit of 64 MB:"
    )
    assert int(answer.headers["x-funclet-memory-mb"]) > 64
    assert supervisor.invoke(OK).json[0] == 1


def test_where_memory_runs_out_the_kernel_takes_the_function_first(functions: Functions) -> None:
    supervisor = functions.python(CODE)
    _, pid = supervisor.invoke(OK).json
    own, runtime = (int(Path(f"/proc/{each}/oom_score_adj").read_text()) for each in (supervisor.pid, pid))
    assert runtime == (500 if own < 500 else 1000)


def test_memory_that_processes_share_counts_once(functions: Functions) -> None:
    supervisor = functions.python(CODE, memory_mb=128)
    shared = (
        "kept = bytearray(50 << 20)\n"
        "pids = [os.fork() for _ in range(1)]\n"
        "if 0 in pids:\n    time.sleep(0.3)\n    os._exit(0)\n"
        "if os.fork() == 0:\n    time.sleep(0.3)\n    os._exit(0)\n"
        "os.wait()\nos.wait()"
    )
    assert supervisor.invoke(shared).outcome == "ok"


def test_memory_taken_between_events_is_limited_too(functions: Functions) -> None:
    supervisor = functions.python(CODE, memory_mb=64)
    supervisor.invoke("threading.Thread(target=grow).start()")
    wait_for(lambda: supervisor.lines("Runtime.OutOfMemory: Runtime exceeded its memory limit of 64 MB"))
    assert supervisor.invoke(OK).json[0] == 1


def test_background_work_and_globals_live_until_the_next_call(functions: Functions) -> None:
    supervisor = functions.python(CODE)
    supervisor.invoke("threading.Thread(target=lambda: (time.sleep(0.1), print('from behind'))).start()")
    wait_for(lambda: supervisor.lines("from behind"))
    assert supervisor.invoke(OK).json[0] == 2


def test_an_answer_over_the_limit_is_an_error_and_the_process_lives(functions: Functions) -> None:
    supervisor = functions.python("def handler(event, context): return 'x' * event")
    largest = 6_291_556 - 2
    assert len(supervisor.invoke(largest).json) == largest
    answer = supervisor.invoke(largest + 1)
    assert answer.outcome == "error"
    assert answer.body.decode() == (
        '{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).",'
        '"errorType":"Function.ResponseSizeTooLarge"}'
    )
    assert supervisor.invoke(0).json == ""
    assert len(supervisor.lines("INIT_START")) == 1


def test_an_answer_of_no_bytes_is_one(functions: Functions) -> None:
    answer = functions.python("def handler(event, context): return b''").invoke()
    assert (answer.outcome, answer.body, answer.headers["content-length"]) == ("ok", b"", "0")


def test_what_cannot_be_json_is_a_marshal_error(functions: Functions) -> None:
    answer = functions.python("def handler(event, context): return {1, 2}").invoke()
    assert answer.json["errorType"] == "Runtime.MarshalError"
    assert (
        answer.json["errorMessage"]
        == "Unable to marshal response: Object of type set is not JSON serializable"
    )


def test_a_function_that_ends_about_its_timeout_is_settled_once_each_time(functions: Functions) -> None:
    supervisor = functions.python(CODE, timeout_ms=60)
    outcomes = set()
    with supervisor.gateway() as gateway:
        for step in range(30):
            code = f'"time.sleep({0.0585 + step * 0.0001:.4f})"'
            answer = gateway.invoke(code.encode())
            outcomes.add(answer.outcome)
            assert (answer.outcome == "ok") == ("errorType" not in answer.body.decode())
    assert outcomes <= {"ok", "error"}
    wait_for(lambda: len(supervisor.lines("REPORT")) == 30)
    assert len(supervisor.lines("END RequestId")) == 30


def test_the_shortest_call_is_billed_a_millisecond(functions: Functions) -> None:
    with functions.python("def handler(event, context): pass").gateway() as gateway:
        # The shortest of many: a machine with other work makes any one of them longer.
        assert min(int(gateway.invoke().headers["x-funclet-billed-ms"]) for _ in range(100)) == 1


@pytest.mark.parametrize(
    "code",
    [
        "[os.close(number) for number in (0, 1, 2)]",
        "print('x'); [os.close(number) for number in (0, 1, 2)]; open('/dev/null'); open('/dev/zero')",
        "sys.stdout.close(); sys.stderr.close()",
        "sys.stdout = sys.stderr = None",
    ],
)
def test_closing_the_standard_descriptors_harms_nothing(functions: Functions, code: str) -> None:
    supervisor = functions.python(CODE)
    assert supervisor.invoke(code).json[0] == 1
    assert supervisor.invoke(OK).json[0] == 2
    assert supervisor.invoke("raise ValueError").outcome == "error"


@pytest.mark.parametrize(
    "code",
    [
        "os.closerange(3, 100); time.sleep(0.01)",
        "os.write(api, b'garbage\\r\\n\\r\\n')",
        "os.write(api, b'garbage')",
        "os.write(api, b'POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\\r\\nContent-Length: -1\\r\\n\\r\\n')",
        "import socket; socket.socket(fileno=os.dup(api)).shutdown(socket.SHUT_RDWR)",
    ],
)
def test_spoiling_the_runtime_connection_is_told_and_does_not_hang(functions: Functions, code: str) -> None:
    supervisor = functions.python(CODE)
    began = time.monotonic()
    answer = supervisor.invoke(f"{FIND_API}; {code}")
    assert time.monotonic() - began < 2
    assert answer.outcome == "error"
    assert answer.json["errorType"] == "Runtime.ExitError"
    assert supervisor.invoke(OK).json[0] == 1


NODEJS = """
const fs = require("node:fs");
const isSocket = (fd) => { try { return fs.fstatSync(fd).isSocket(); } catch { return false; } };
const api = () => Array.from({ length: 97 }, (_, n) => n + 3).find(isSocket);
let count = 0;
exports.handler = async (event) => {
  count += 1;
  if (event === "standard") for (const fd of [0, 1, 2]) fs.closeSync(fd);
  if (event === "close") fs.closeSync(api());
  if (event === "garbage") fs.writeSync(api(), "garbage\\r\\n\\r\\n");
  return count;
};
"""


def test_closing_the_standard_descriptors_harms_nothing_in_nodejs_either(functions: Functions) -> None:
    supervisor = functions.nodejs(NODEJS)
    assert [supervisor.invoke(event).json for event in ("standard", "", "")] == [1, 2, 3]


@pytest.mark.parametrize("event", ["close", "garbage"])
def test_spoiling_the_runtime_connection_is_told_in_nodejs_too(functions: Functions, event: str) -> None:
    supervisor = functions.nodejs(NODEJS)
    supervisor.wait_until_ready()
    began = time.monotonic()
    answer = supervisor.invoke(event)
    assert time.monotonic() - began < 2
    assert (answer.outcome, answer.json["errorType"]) == ("error", "Runtime.ExitError")
    assert supervisor.invoke("").json == 1
