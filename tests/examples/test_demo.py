"""The demo as a process: with the real `funclet local`, and with stand-ins that misbehave."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import rich

from support.examples import CHECKOUT, EXAMPLES

DEMO = EXAMPLES / "demo"
ROWS = ("greet", "csv-to-json", "word-count", "checksum", "hello:live")
NEVER_READY = """
import os, pathlib, time
pathlib.Path("local.pid").write_text(str(os.getpid()))
while True:
    time.sleep(1)
"""
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + NEVER_READY
READY = """
import http.server, os, pathlib, sys

class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

pathlib.Path("local.pid").write_text(str(os.getpid()))
(port,) = [word.partition("=")[2] for word in sys.argv if word.startswith("--admin-port=")]
http.server.HTTPServer(("127.0.0.1", int(port)), Ready).serve_forever()
"""
ENDS_AT_ONCE = "print('port 8700 is taken'); raise SystemExit(3)"

pytestmark = pytest.mark.processes


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def demo_with(tmp_path: Path, script: str) -> Iterator[subprocess.Popen[str]]:
    """Start the demo in an environment whose `funclet` is this script; it writes its pid to local.pid."""
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "python").symlink_to(sys.executable)
    (commands / "funclet").write_text(f"#!{sys.executable}\n{script}", encoding="utf-8")
    (commands / "funclet").chmod(0o755)
    packages = str(Path(rich.__file__).parents[1])
    process = subprocess.Popen(
        [str(commands / "python"), str(DEMO)],
        env={**os.environ, "PYTHONPATH": packages, "TMPDIR": str(tmp_path)},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def started_pid(tmp_path: Path) -> int:
    file = tmp_path / "local.pid"
    wait_for(lambda: file.exists() and bool(file.read_text()), "the start of funclet local")
    return int(file.read_text())


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the demo prints in a pipe."""
    scratch = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [sys.executable, str(DEMO)],
        env={**os.environ, "TMPDIR": str(scratch)},
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(scratch.iterdir()) == [], "the demo left files behind"
    return done.stdout


def row(output: str, function: str) -> list[str]:
    (cells,) = [line.split("│")[1:-1] for line in output.split("\n") if line.startswith(f"│ {function} ")]
    return [cell.strip() for cell in cells]


@pytest.mark.parametrize("function", ROWS)
def test_every_example_that_can_run_has_a_row_with_its_times(output: str, function: str) -> None:
    *_, cold, warm, billed = row(output, function)
    assert float(cold) > float(warm) > 0
    assert int(billed) >= 1


def test_the_rows_tell_what_came_out(output: str) -> None:
    assert row(output, "greet")[2] == "Hello, Ada!"
    assert "204 rows" in row(output, "csv-to-json")[2]
    assert row(output, "word-count")[2].startswith("278 words")
    assert row(output, "checksum")[2].startswith("sha256 ")


def test_the_alias_shares_the_calls_among_both_versions(output: str) -> None:
    shares = [part.split(": ") for part in row(output, "hello:live")[2].split(", ")]
    assert [name for name, _ in shares] == ["version 1", "version 2"]
    first, second = (int(count) for _, count in shares)
    assert first + second == 200
    assert 1 <= second <= 60  # 20 are expected; outside of this once in 10**9


def test_thumbnail_has_a_row_or_a_line_that_says_how_to_get_it(output: str) -> None:
    if (CHECKOUT / "build" / "thumbnail.zip").is_file():
        assert "320 by 213" in row(output, "thumbnail")[2]
        picture = (CHECKOUT / "build" / "demo" / "thumbnail.jpg").read_bytes()
        assert picture.startswith(b"\xff\xd8")
        assert picture.endswith(b"\xff\xd9")
    else:
        assert "thumbnail was left out" in output
        assert "make examples" in output


def test_what_came_out_is_kept_to_be_looked_at(output: str) -> None:
    saved = json.loads((CHECKOUT / "build" / "demo" / "orders.json").read_text(encoding="utf-8"))
    assert "build/demo/orders.json" in output
    assert len(saved["rows"]) == 204


def test_without_a_terminal_no_colour_and_no_next_steps_are_printed(output: str) -> None:
    assert "\x1b" not in output
    assert "curl" not in output


def test_local_mode_that_ends_makes_the_demo_fail_with_its_words(tmp_path: Path) -> None:
    with demo_with(tmp_path, ENDS_AT_ONCE) as demo:
        _, errors = demo.communicate(timeout=30)
        assert demo.returncode == 1
        assert "funclet local ended with exit status 3:\nport 8700 is taken" in errors
        assert "Traceback" not in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_demo_and_local_mode(tmp_path: Path, number: signal.Signals) -> None:
    with demo_with(tmp_path, NEVER_READY) as demo:
        local = started_pid(tmp_path)
        demo.send_signal(number)
        _, errors = demo.communicate(timeout=30)
        assert demo.returncode == 128 + number
        assert not is_running(local)
        assert errors == ""
        assert not list(tmp_path.glob("funclet-demo-*"))


def test_local_mode_that_does_not_end_is_killed_by_a_second_signal(tmp_path: Path) -> None:
    with demo_with(tmp_path, STUBBORN) as demo:
        local = started_pid(tmp_path)
        demo.send_signal(signal.SIGINT)
        wait_for(lambda: _ends(demo, again=signal.SIGINT), "the end of the demo")
        assert demo.returncode == 128 + signal.SIGINT
        assert not is_running(local)


def _ends(demo: subprocess.Popen[str], again: signal.Signals) -> bool:
    demo.send_signal(again)
    return demo.poll() is not None


def test_a_reader_that_goes_away_ends_the_demo_and_local_mode(tmp_path: Path) -> None:
    with demo_with(tmp_path, READY) as demo:
        assert demo.stdout is not None
        demo.stdout.close()
        local = started_pid(tmp_path)
        wait_for(lambda: demo.poll() is not None, "the end of the demo")
        assert demo.returncode == 1
        assert not is_running(local)
