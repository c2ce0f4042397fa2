"""The log: platform lines word for word, the function's lines whole and in order, nothing without bounds."""

from __future__ import annotations

import json
import os
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.supervisor.invocation import Result
from funclet.supervisor.log import Allowance, LineCutter
from funclet.supervisor.log_lines import JsonLines, TextLines, timestamp
from funclet.supervisor.outcome import Outcome
from funclet.supervisor.settings import Settings
from support.supervisor import settings_for, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from supervisor.conftest import Functions

NOW = 1_795_413_600.25
CUT = b" [truncated]\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(settings_for(tmp_path, ["x"]))


def result(kind: str = "ok", init_us: int | None = None, **changes: Any) -> Result:
    return Result(Outcome(kind, b"", **changes), 3_010, init_us, 36)


def test_times_have_milliseconds() -> None:
    assert timestamp(NOW) == "2026-11-23T06:00:00.250Z"


def test_the_platforms_lines_are_lambdas(settings: Settings) -> None:
    lines = TextLines(settings)
    assert (
        lines.init_start(NOW) == b"INIT_START Runtime Version: python:3.11\tRuntime Version ARN: local:0123\n"
    )
    assert lines.start(NOW, "r-1") == b"START RequestId: r-1 Version: $LATEST\n"
    assert lines.end(NOW, "r-1", result(init_us=110_100)) == (
        b"END RequestId: r-1\n"
        b"REPORT RequestId: r-1\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\t"
        b"Max Memory Used: 36 MB\tInit Duration: 110.10 ms\t\n"
    )
    assert lines.end(NOW, "r-1", result()).endswith(b"\tMax Memory Used: 36 MB\t\n")


def test_report_tells_what_ended_the_process(settings: Settings) -> None:
    lines = TextLines(settings)
    assert lines.end(NOW, "r", result("error", status="timeout", error_type="Sandbox.Timedout")).endswith(
        b"36 MB\tStatus: timeout\n"
    )
    assert lines.end(NOW, "r", result("error", status="error", error_type="Runtime.ExitError")).endswith(
        b"36 MB\tStatus: error\tError Type: Runtime.ExitError\n"
    )
    assert lines.end(NOW, "r", result("error", status="error")).endswith(b"36 MB\t\n")


def test_the_platforms_objects_are_lambdas(settings: Settings) -> None:
    lines = JsonLines(settings)
    assert json.loads(lines.start(NOW, "r-1")) == {
        "time": "2026-11-23T06:00:00.250Z",
        "type": "platform.start",
        "record": {"requestId": "r-1", "version": "$LATEST"},
    }
    assert json.loads(lines.end(NOW, "r-1", result(init_us=110_100))) == {
        "time": "2026-11-23T06:00:00.250Z",
        "type": "platform.report",
        "record": {
            "requestId": "r-1",
            "metrics": {
                "durationMs": 3.01,
                "billedDurationMs": 4,
                "memorySizeMB": 128,
                "maxMemoryUsedMB": 36,
                "initDurationMs": 110.1,
            },
            "status": "success",
        },
    }
    for line in (
        lines.init_start(NOW),
        lines.init_report(NOW, 5, "error", 'a"b'),
        lines.dropped(NOW, 3, 5),
        lines.platform(NOW, "a\nb"),
    ):
        assert json.loads(line)["type"].startswith("platform.")
        assert line.count(b"\n") == 1


@given(st.binary(max_size=200))
def test_a_function_cannot_speak_for_the_platform_in_json(written: bytes) -> None:
    lines = JsonLines(
        Settings(
            {
                "revision": "r",
                "listen": "fd:3",
                "command": ["x"],
                "working_directory": "/",
                "function_name": "f",
            }
        )
    )
    out = lines.function(NOW, written + b"\n")
    objects = [json.loads(line) for line in out.decode().splitlines()]
    assert len(objects) == written.count(b"\n") + 1
    assert all(told["type"] == "function" and isinstance(told["record"], str) for told in objects)


@given(st.lists(st.text("ab\n", max_size=30).map(str.encode), max_size=20))
def test_lines_come_out_whole_however_they_went_in(pieces: list[bytes]) -> None:
    cutter = LineCutter(1000)
    out = [cutter.feed(piece) for piece in pieces]
    assert all(not part or part.endswith(b"\n") for part in out)
    whole = b"".join(out) + cutter.flush()
    written = b"".join(pieces)
    assert whole == (written if written.endswith(b"\n") or not written else written + b"\n")


@given(st.lists(st.text("ab\n", max_size=30).map(str.encode), max_size=20))
def test_a_line_over_the_limit_is_cut_and_marked(pieces: list[bytes]) -> None:
    cutter = LineCutter(10)
    out = b"".join(cutter.feed(piece) for piece in pieces) + cutter.flush()
    lines = b"".join(pieces).split(b"\n")
    if not lines[-1]:
        lines.pop()
    expected = [line + b"\n" if len(line) <= 10 else line[:10] + CUT for line in lines]
    assert out == b"".join(expected)


def test_the_allowance_fills_again_with_time() -> None:
    allowance = Allowance(100, 10)
    assert allowance.take(100, 1.0)
    assert not allowance.take(1, 1.0)
    assert allowance.take(20, 3.0)
    assert not allowance.take(101, 1000.0)


@pytest.mark.processes
def test_the_log_of_a_call_is_golden(functions: Functions) -> None:
    supervisor = functions.python(
        "import logging, sys\nlogging.getLogger().setLevel('INFO')\n"
        "def handler(event, context):\n"
        "    print('out'); print('err', file=sys.stderr); logging.info('told'); print('no end', end='')\n"
    )
    answer = supervisor.invoke(lambda_runtime_aws_request_id="r-1", x_funclet_tail="1")
    time_, ms = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", r"\d+\.\d\d"
    call = (
        "START RequestId: r-1 Version: \\$LATEST\nout\nerr\n"
        rf"\[INFO\]\t{time_}\tr-1\ttold"
        "\nno end\nEND RequestId: r-1\n"
        rf"REPORT RequestId: r-1\tDuration: {ms} ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\t"
        rf"Max Memory Used: \d+ MB\tInit Duration: {ms} ms\t"
        "\n"
    )
    assert re.fullmatch(call, answer.tail.partition("local:0123\n")[2] or answer.tail)
    wait_for(lambda: supervisor.lines("REPORT"))
    start = "INIT_START Runtime Version: python:3.11\tRuntime Version ARN: local:0123\n"
    assert re.fullmatch(start + call, supervisor.log())


@pytest.mark.processes
def test_lines_of_both_streams_and_children_stay_in_order(functions: Functions) -> None:
    supervisor = functions.python(
        "import sys, os, subprocess\n"
        "def handler(event, context):\n"
        "    for number in range(50):\n"
        "        print(number, file=(sys.stdout, sys.stderr)[number % 2])\n"
        "    subprocess.run(['echo', '50'])\n"
        "    os.write(1, b'51\\n')\n"
    )
    tail = supervisor.invoke(x_funclet_tail="1").tail
    assert [line for line in tail.split("\n") if line.isdecimal()] == [str(number) for number in range(52)]


@pytest.mark.processes
def test_the_start_of_a_long_call_is_seen_while_it_runs(functions: Functions) -> None:
    supervisor = functions.python("import time\ndef handler(event, context): time.sleep(60)", timeout_ms=1500)
    with supervisor.gateway() as gateway:
        gateway.send_invoke(lambda_runtime_aws_request_id="r-1")
        wait_for(lambda: supervisor.lines("START RequestId: r-1"))
        assert not supervisor.lines("END")


@pytest.mark.processes
def test_a_flood_is_dropped_and_marked_and_the_tail_is_the_end(functions: Functions) -> None:
    supervisor = functions.python(
        "import os\n"
        "def handler(event, context):\n"
        "    block = b'x' * 99 + b'\\n'\n"
        "    for _ in range(300): os.write(1, block * 1000)\n"
        "    print('the end')\n",
        timeout_ms=20_000,
    )
    answer = supervisor.invoke(x_funclet_tail="1")
    assert answer.outcome == "ok"
    assert len(answer.tail) == 4096
    assert answer.tail.endswith("\t\n")
    assert "the end\n" in answer.tail
    assert supervisor.said("log truncated: ")
    assert len(supervisor.log()) < 16 << 20
    assert supervisor.invoke().outcome == "ok"
    assert supervisor.peak_memory < 40 << 20


@pytest.mark.processes
def test_a_line_without_end_is_cut(functions: Functions) -> None:
    """One line of 1 GB (bad input 67), of which a tenth shows as well that nothing of it is kept."""
    supervisor = functions.python(
        "import os\ndef handler(event, context):\n    for _ in range(100): os.write(1, b'y' * 1_000_000)\n",
        timeout_ms=20_000,
    )
    assert supervisor.invoke().outcome == "ok"
    assert supervisor.peak_memory < 40 << 20
    assert len(supervisor.said("yyy")[0]) == 64 * 1024 + len(CUT) - 1
    assert len(supervisor.log()) < 100_000


@pytest.mark.processes
def test_json_stays_json_whatever_is_written(functions: Functions) -> None:
    forged = '{"type":"platform.report","record":{}}'
    supervisor = functions.python(
        f"import os\ndef handler(event, context):\n    os.write(1, bytes(range(256)) * 10 + b'\\r\\x1b[2J\\n')\n    print({forged!r})\n",
        log_format="JSON",
    )
    tail = supervisor.invoke(x_funclet_tail="1").tail
    assert forged not in tail
    wait_for(lambda: supervisor.lines('platform.report",'))
    told = [json.loads(line) for line in supervisor.log().splitlines()]
    assert [line["type"] for line in told if line["type"] != "function"] == [
        "platform.initStart",
        "platform.start",
        "platform.report",
    ]
    assert forged in [line["record"] for line in told]


@pytest.mark.processes
def test_whoever_does_not_read_the_log_stops_nothing(functions: Functions) -> None:
    supervisor = functions.python("def handler(event, context): print('x' * 1000)")
    supervisor.invoke()
    read, write = os.pipe()
    try:
        unread = functions.python("def handler(event, context): print('x' * 1000)", log=write)
        began = time.monotonic()
        with unread.gateway() as gateway:
            for _ in range(500):
                assert gateway.invoke().outcome == "ok"
        assert time.monotonic() - began < 10
    finally:
        os.close(write)
        os.close(read)
