"""The demo on a terminal: it goes on serving until Ctrl-C. And what it says of languages that are not installed."""

import importlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from support.examples import CHECKOUT, EXAMPLES

DEMO = EXAMPLES / "demo"
PATIENCE = 100.0


class Terminal:
    """A program on a terminal of its own, and all that it wrote there."""

    def __init__(self, scratch: Path) -> None:
        self._master, slave = os.openpty()
        self.process = subprocess.Popen(
            # In a session of its own that the terminal controls, so that its keys send signals.
            ["setsid", "--ctty", sys.executable, str(DEMO)],
            env={**os.environ, "TMPDIR": str(scratch), "TERM": "xterm", "COLUMNS": "160"},
            cwd=CHECKOUT,
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        self.shown = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def press_ctrl_c(self) -> None:
        os.write(self._master, b"\x03")

    def shows(self, pattern: str) -> re.Match[str]:
        deadline = time.monotonic() + PATIENCE
        while (found := re.search(pattern, self.shown)) is None:
            assert self.process.poll() is None, self.shown
            assert time.monotonic() < deadline, f"{pattern!r} is not in\n{self.shown}"
            time.sleep(0.02)
        return found

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self._reader.join()
        os.close(self._master)

    def _read(self) -> None:
        try:
            while piece := os.read(self._master, 1 << 16):
                self.shown += piece.decode(errors="replace")
        except OSError:
            return  # nobody has the other end any more


@contextmanager
def terminal(scratch: Path) -> Iterator[Terminal]:
    running = Terminal(scratch)
    try:
        yield running
    finally:
        running.close()


@pytest.mark.processes
@pytest.mark.skipif(shutil.which("setsid") is None, reason="needs setsid")
def test_it_goes_on_serving_until_ctrl_c(tmp_path: Path) -> None:
    with terminal(tmp_path) as demo:
        url = demo.shows(r"Functions are served at (http://127\.0\.0\.1:\d+)\. Next")[1]
        demo.shows(r"Ctrl-C ends it all\.")
        request = urllib.request.Request(  # noqa: S310  # the address that the demo told
            f"{url}/2015-03-31/functions/greet/invocations", b'{"name": "Grace"}'
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # as above
            assert json.load(answer)["message"] == "Hello, Grace!"
        demo.shows(r"greet  REPORT RequestId: ")
        assert demo.process.poll() is None
        demo.press_ctrl_c()
        assert demo.process.wait(30) == 0
        assert "Ending." in demo.shown
        assert "Traceback" not in demo.shown
    assert list(tmp_path.iterdir()) == [], "the demo left files behind"


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The demo's own modules, on a machine without Node.js and bash."""
    monkeypatch.syspath_prepend(DEMO)
    before = set(sys.modules)
    found = importlib.import_module("catalogue")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(Path, "exists", lambda _: False)
    monkeypatch.setattr(Path, "is_file", lambda _: False)
    yield found
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_each_language_that_is_not_installed_has_a_line_that_says_how_to_get_it(
    catalogue: ModuleType,
) -> None:
    showing = importlib.import_module("showing")
    left_out = [(example, why) for example in catalogue.CATALOGUE if (why := example.missing())]
    out = io.StringIO()
    showing.show_left_out(showing.Console(file=out, width=200), left_out)
    assert out.getvalue().splitlines() == [
        "thumbnail was left out: its zip with Pillow is not built yet. Build it: make examples",
        (
            "word-count was left out: Node.js is not installed. Get it: apt-get install nodejs,"
            " or with a version manager such as nvm"
        ),
        "checksum was left out: there is no /bin/bash. Get it: apt-get install bash",
    ]
