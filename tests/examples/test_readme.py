"""The README's commands for a laptop, typed one after the other as they stand there, but for the ports."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.examples import CHECKOUT
from support.local import until

pytestmark = pytest.mark.processes

ENV = {
    **os.environ,
    "AWS_ACCESS_KEY_ID": "any",
    "AWS_SECRET_ACCESS_KEY": "any",
    "AWS_DEFAULT_REGION": "us-east-1",
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
}


def section(heading: str) -> str:
    text = (CHECKOUT / "README.md").read_text("utf-8")
    return text.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def commands(heading: str) -> list[str]:
    """The indented lines of a section, continued ones joined, for the environment that runs the tests."""
    joined = section(heading).replace("\\\n", " ")
    return [
        line.strip().replace(".venv/bin/", f"{Path(sys.executable).parent}/")
        for line in re.sub(r"```.*?```", "", joined, flags=re.DOTALL).splitlines()
        if line.startswith("    ")
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where greet.yaml lies as the README gives it."""
    block = re.search(r"```yaml\n# (\S+)\n(.*?)```", section("A function"), re.DOTALL)
    assert block is not None
    (tmp_path / block[1]).write_text(block[2])
    return tmp_path


@pytest.fixture
def port(folder: Path) -> Iterator[int]:
    """The port of local mode, which runs as the README starts it."""
    (start,) = commands("A function")
    endpoints = folder / ".funclet" / "endpoints"
    with (folder / "output").open("w") as out:
        process = subprocess.Popen(
            [*start.split(), "--port=0", "--admin-port=0"], cwd=folder, stdout=out, stderr=out
        )
    try:
        until(lambda: endpoints.exists() or process.poll() is not None, "it serves")
        until(lambda: endpoints.read_text().count("\n") == 2, "the endpoints are told")
        url, *_ = endpoints.read_text().split()
        yield int(url.rpartition(":")[2])
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def test_every_client_of_the_readme_gets_the_answer(folder: Path, port: int) -> None:
    typed = commands("An invocation")
    assert len(typed) == 3
    with contextlib.closing(socket.create_connection(("127.0.0.1", port))):
        for command in typed:
            program = command.rpartition("|")[2].split()[0]
            if shutil.which(program, path=ENV["PATH"]) is None:
                continue
            ran = subprocess.run(
                ["bash", "-c", command.replace(":8700", f":{port}")],
                cwd=folder,
                env=ENV,
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
            answer, *_ = json.JSONDecoder().raw_decode(ran.stdout)
            assert answer == {"message": "Hello, Ada!"}, ran.stdout
