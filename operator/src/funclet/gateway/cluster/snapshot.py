"""What a gateway saw last, on disk: with it, one that starts while the API server is away serves all the same."""

import asyncio
import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import structlog

from funclet.kube.informer import Informer
from funclet.kube.port import Object

_log = structlog.get_logger(__name__)
#: seconds between two looks at whether there is something new to write
_EVERY = 5.0
_FORM = 1


class Snapshot:
    """One file, replaced as a whole."""

    def __init__(self, path: Path, informer: Informer) -> None:
        self._path = path
        self._informer = informer
        self._changed = False
        # One thread, so that writes come one after the other: one whose waiter was cancelled goes on there.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="snapshot")
        informer.subscribe(lambda *_: self._note())

    async def restore(self) -> bool:
        """Fill the informer from the file; whether there was one that could be read."""
        try:
            objects = await asyncio.to_thread(_read, self._path)
        except FileNotFoundError:
            return False
        except (OSError, ValueError, RecursionError) as error:
            _log.warning("the snapshot cannot be read", path=str(self._path), error=str(error))
            return False
        self._informer.restore(objects)
        return True

    async def keep(self) -> None:
        """Write what has changed, for ever."""
        while True:
            await asyncio.sleep(_EVERY)
            if self._changed and self._informer.synced.is_set():
                await self.write()

    async def write(self) -> None:
        """Write the informer's objects now; a disk that is full is told and tried again."""
        self._changed = False
        objects = list(self._informer.dump())
        try:
            await asyncio.get_running_loop().run_in_executor(self._writer, _write, self._path, objects)
        except OSError as error:
            self._changed = True
            _log.warning("the snapshot cannot be written", path=str(self._path), error=str(error))

    def _note(self) -> None:
        self._changed = True


def _read(path: Path) -> list[Object]:
    content = json.loads(path.read_bytes())
    if not isinstance(content, dict) or content.get("form") != _FORM:
        raise ValueError("not a snapshot of this release")
    objects = content.get("objects")
    if not isinstance(objects, list) or not all(map(_is_object, objects)):
        raise ValueError("not a snapshot of this release")
    return objects


def _is_object(found: Any) -> bool:
    metadata = found.get("metadata") if isinstance(found, dict) else None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("labels", {}), dict):
        return False
    texts = (found.get("kind"), metadata.get("name"), metadata.get("namespace", ""))
    version = str(metadata.get("resourceVersion") or 0)
    return all(isinstance(text, str) for text in texts) and version.isdecimal()


def _write(path: Path, objects: Iterable[Object]) -> None:
    partial = path.with_suffix(".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f'{{"form":{_FORM},"objects":[')
            # One after the other: the loop's thread gets its turn in between.
            for number, each in enumerate(objects):
                file.write(",\n" if number else "\n")
                file.write(json.dumps(each, separators=(",", ":")))
            file.write("\n]}\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        # What is left of it would only keep the disk full.
        partial.unlink(missing_ok=True)
        raise
