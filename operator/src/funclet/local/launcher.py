"""Instances as child processes: a supervisor each, on a Unix socket that is there before it runs."""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from funclet import supervisor
from funclet.api.values import parse_duration
from funclet.gateway.ports import Instance, StartError, UnixAddress
from funclet.local.code import CodeError, CodeFolders
from funclet.local.orphans import Orphans
from funclet.local.runtimes import CLIENTS, LocalRuntime
from funclet.plan.environment import runtime_environment
from funclet.plan.revision import Revision
from funclet.plan.supervisor_settings import Place, supervisor_settings
from funclet.supervisor.process import descendants

_SUPERVISOR = supervisor.__path__[0]
_PYTHON = getattr(sys, "_base_executable", sys.executable)
_SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_STOP_GRACE = 15.0
_CHUNK = 1 << 16
_LINE_MAX = 1 << 18

Sink = Callable[[Revision, str, str], None]
"""Takes a revision, its log stream and one line of log without its end."""


@dataclass(slots=True)
class _Running:
    process: asyncio.subprocess.Process
    folder: Path
    watcher: asyncio.Task[None] = field(init=False)


class ProcessStarter:
    """Makes instances for the gateway; everything that it made is gone after `close`.

    No other child process may be started while there are instances: it would be taken for an orphan.
    """

    def __init__(
        self,
        *,
        runtimes: Mapping[str, LocalRuntime],
        code: CodeFolders,
        region: str,
        passed: Mapping[str, str],
        sink: Sink,
        complain: Callable[[Revision, str], None],
    ) -> None:
        self._runtimes = runtimes
        self._code = code
        self._region = region
        self._passed = dict(passed)
        self._sink = sink
        self._complain = complain
        self._running: dict[str, _Running] = {}
        #: how many supervisors are being started, and may be there without being among those that run
        self._starting = 0
        self._orphans = Orphans()
        # Short, since a Unix socket's path may have 107 bytes; 0700, since whoever connects may invoke.
        self._folder = Path(tempfile.mkdtemp(prefix="funclet-"))

    async def start(self, revision: Revision) -> Instance:
        """Start a supervisor; it may be dialled at once. Raises StartError."""
        runtime = self._runtimes.get(revision.runtime.name)
        if runtime is None:
            raise StartError("RuntimeNotAvailable", f"{revision.runtime.name} is not installed here")
        try:
            code = await self._code.folder(revision.code_sha256)
        except CodeError as error:
            raise StartError("CodeUnavailable", str(error)) from error
        identity = secrets.token_hex(6)
        stream = f"{datetime.now(UTC):%Y/%m/%d}/[{revision.version}]{secrets.token_hex(16)}"
        folder = self._folder / identity
        (folder / "tmp").mkdir(parents=True)
        settings = self._settings(revision, runtime, code, stream, folder / "tmp")
        self._starting += 1
        try:
            process = await _spawn(folder / "s", settings)
            running = self._running[identity] = _Running(process, folder)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise StartError("ProcessNotStarted", f"no process could be started: {error.strerror}") from error
        finally:
            self._starting -= 1
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        running.watcher = asyncio.create_task(self._watch(identity, revision, stream, ended))
        return Instance(identity, revision, UnixAddress(str(folder / "s")), ended)

    async def stop(self, instance: Instance) -> None:
        """Drain it; what still runs when the function's own time is over is ended by force."""
        running = self._running.get(instance.id)
        if running is None:
            return
        _signal(running.process, signal.SIGTERM)
        seconds = parse_duration(instance.revision.settings.timeout) + _STOP_GRACE
        done, _ = await asyncio.wait([running.watcher], timeout=seconds)
        if not done:
            await self.kill(instance)

    async def kill(self, instance: Instance) -> None:
        """End it now, with every process below it."""
        if running := self._running.get(instance.id):
            _end_tree(running.process)
            await asyncio.wait([running.watcher])

    async def close(self) -> None:
        """End whatever is left, now, and remove the sockets."""
        watchers = [running.watcher for running in self._running.values()]
        for running in list(self._running.values()):
            _end_tree(running.process)
        if watchers:
            await asyncio.wait(watchers)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _supervisors(self) -> set[int] | None:
        """The processes of all supervisors; None while that is not known."""
        return None if self._starting else {running.process.pid for running in self._running.values()}

    def _settings(
        self, revision: Revision, runtime: LocalRuntime, code: Path, stream: str, scratch: Path
    ) -> dict[str, Any]:
        path = _SEARCH
        if runtime.interpreter:
            path = f"{Path(runtime.interpreter.path).parent}:{path}"
        environment = self._passed | runtime_environment(
            revision,
            region=self._region,
            task_root=str(code),
            runtime_dir=str(CLIENTS),
            log_stream=stream,
            path=path,
        )
        environment = {**_nobody(scratch), **environment}
        command = runtime.command(revision.settings.handler or "", str(code))
        here = {"quiet_ms": 0, "parent_death": True}
        return supervisor_settings(revision, Place(command, environment, str(code), here))

    async def _watch(
        self, identity: str, revision: Revision, stream: str, ended: asyncio.Future[str]
    ) -> None:
        running = self._running[identity]
        process = running.process
        assert process.stdout is not None  # noqa: S101  # both are pipes
        assert process.stderr is not None  # noqa: S101  # as above
        try:
            await asyncio.gather(
                _lines(process.stdout, lambda line: self._sink(revision, stream, line)),
                _lines(process.stderr, lambda line: self._complain(revision, line)),
            )
        except BaseException:
            _end_tree(process)  # nobody reads what it writes any more, and it would wait for that
            raise
        finally:
            status = await process.wait()
            await self._orphans.end(self._supervisors)
            del self._running[identity]
            shutil.rmtree(running.folder, ignore_errors=True)
            if not ended.done():
                ended.set_result(_how(status))
        # What it changed of its code must not last longer than itself.
        with contextlib.suppress(CodeError):
            await self._code.folder(revision.code_sha256)


def _nobody(scratch: Path) -> dict[str, str]:
    """What keeps a function from acting as the person at the keyboard, unless it is told otherwise.

    Without HOME, `~` is looked up among the system's users: SDKs then find that person's credentials and
    settings there, and elsewhere where these variables say so. On an EC2 machine they would ask for its role.
    """
    return {
        "TMPDIR": str(scratch),
        "HOME": str(scratch),
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


async def _spawn(path: Path, settings: dict[str, Any]) -> asyncio.subprocess.Process:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(64)
        settings["listen"] = f"fd:{listener.fileno()}"
        process = await asyncio.create_subprocess_exec(
            _PYTHON, "-I", "-S", _SUPERVISOR, "--settings", "-",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(listener.fileno(),),
            cwd="/",
            env={"PATH": _SEARCH},
            start_new_session=True,
        )  # fmt: skip
    assert process.stdin is not None  # noqa: S101  # it is a pipe
    process.stdin.write(json.dumps(settings).encode())
    process.stdin.close()
    return process


async def _lines(stream: asyncio.StreamReader, take: Callable[[str], None]) -> None:
    """Hand over each line; one longer than a supervisor may write is cut."""
    rest = b""
    while chunk := await stream.read(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            take(line.decode(errors="replace"))
        if len(rest) > _LINE_MAX:
            take(rest.decode(errors="replace"))
            rest = b""
    if rest:
        take(rest.decode(errors="replace"))


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


def _end_tree(process: asyncio.subprocess.Process) -> None:
    """Kill a supervisor and all below it: a killed supervisor can end nobody any more."""
    below = descendants(process.pid)
    _signal(process, signal.SIGKILL)
    for pid in below:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _how(status: int) -> str:
    if status < 0:
        return f"ended by {signal.Signals(-status).name}"
    return "drained" if status == os.EX_OK else f"exit status {status}"
