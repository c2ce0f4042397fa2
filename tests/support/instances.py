"""Instances of a gateway as they are on a laptop: supervisors and runtimes as real processes."""

import asyncio
import json
import socket
import sys
from pathlib import Path
from typing import Any

from funclet.gateway.ports import Instance, UnixAddress
from funclet.plan.revision import Revision
from support.supervisor import SUPERVISOR, python_command, settings_for


class Processes:
    """Makes instances as processes; `code` is app.py by the revision's key, `settings` are the supervisor's."""

    def __init__(self, folder: Path, code: dict[str, str], **settings: Any) -> None:
        self.folder = folder
        self._settings = settings
        self.code = code
        self.running: dict[str, asyncio.subprocess.Process] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, wanted: Revision) -> Instance:
        """Start a supervisor."""
        name = f"i{len(self._tasks)}"
        folder = self.folder / name
        folder.mkdir()
        (folder / "app.py").write_text(self.code[wanted.key])
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder / "s"))
            listener.listen()
            settings = settings_for(
                folder,
                python_command(),
                revision=wanted.key,
                listen=f"fd:{listener.fileno()}",
                **self._settings,
            )
            (folder / "settings.json").write_text(json.dumps(settings))
            command = [
                sys.executable,
                "-I",
                "-S",
                str(SUPERVISOR),
                "--settings",
                str(folder / "settings.json"),
            ]
            process = await asyncio.create_subprocess_exec(
                *command, stdout=asyncio.subprocess.DEVNULL, pass_fds=[listener.fileno()]
            )
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def watch() -> None:
            status = await process.wait()
            del self.running[name]
            ended.set_result(f"exit status {status}")

        self.running[name] = process
        self._tasks.add(asyncio.create_task(watch()))
        return Instance(name, wanted, UnixAddress(str(folder / "s")), ended)

    async def stop(self, instance: Instance) -> None:
        """End it by drain."""
        process = self.running.get(instance.id)
        if process is not None:
            process.terminate()
            await instance.ended
