"""The bundle is made once; each test puts it into an image of its own making."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import funclet
from support import container
from support.pod import KEY, POD, prove
from support.supervisor import PATIENCE, Gateway, settings_for, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

SUPERVISOR_IMAGE = Path(__file__).parents[2] / "runtime-images" / "supervisor"


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make what the supervisor image holds, from this interpreter."""
    if why := container.why_not():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("bundle") / "funclet"
    packages = Path(funclet.__file__).parents[1]
    subprocess.run(
        [sys.executable, str(SUPERVISOR_IMAGE / "bundle.py"), str(packages), str(folder)], check=True
    )
    return folder


class Pod:
    """A supervisor as process 1 of a pod's container."""

    def __init__(self, root: Path, bundle: Path, command: list[str], **changes: Any) -> None:
        self.folder = root.parent
        self.task = self.folder / "task"
        self.task.mkdir(exist_ok=True)
        self.task.chmod(0o777)
        self.termination = self.folder / "termination-log"
        self.termination.touch()
        self.termination.chmod(0o666)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"tcp:127.0.0.1:{free.getsockname()[1]}"
        read_only = {"/funclet": bundle, **changes.pop("read_only", {})}
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", **changes.pop("environment", {})}
        settings = {
            **settings_for(Path("/var/task"), command, **changes),
            "listen": self.address,
            "environment": {"LAMBDA_TASK_ROOT": "/var/task", "AWS_LAMBDA_FUNCTION_NAME": "hello"},
            "inherit_environment": True,
            "keys": [KEY.setting],
            "parent_death": False,
        }
        self.process = container.start(
            root,
            ["/funclet/bin/supervisor", "--settings", "env:FUNCLET_SETTINGS"],
            {**POD, **environment, "FUNCLET_SETTINGS": json.dumps(settings)},
            read_only=read_only,
            binds={
                "/var/task": self.task,
                "/dev/null": Path("/dev/null"),
                "/dev/termination-log": self.termination,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def gateway(self) -> Gateway:
        """Return a connection on which each side has proved itself."""

        def dial() -> Gateway | None:
            assert self.process.poll() is None, self.process.stdout and self.process.stdout.read().decode()
            try:
                return Gateway(self.address)
            except ConnectionRefusedError:
                return None

        gateway = wait_for(dial)
        assert prove(gateway).status == 200
        return gateway

    @property
    def pid(self) -> int:
        """Process 1, by the number that it has outside."""
        [pid] = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(pid)

    def end(self) -> tuple[int, str]:
        """Drain it. Returns the exit status and all that it said."""
        if self.process.poll() is None:
            os.kill(self.pid, signal.SIGTERM)
        said, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said.decode()


@pytest.fixture
def pods() -> Iterator[list[Pod]]:
    """Take note of pods, which are ended at the end."""
    started: list[Pod] = []
    yield started
    for pod in started:
        if pod.process.poll() is None:
            os.kill(pod.pid, signal.SIGKILL)
        pod.process.communicate()
