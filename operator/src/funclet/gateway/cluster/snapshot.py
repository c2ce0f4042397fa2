"""What a gateway saw last, on disk: with it, one that starts while the API server is away serves all the same."""

import asyncio
import json
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import structlog

from funclet.kube.informer import Informer
from funclet.kube.port import Object

_log = structlog.get_logger(__name__)
#: seconds between two looks at whether there is something new to write
_EVERY = 5.0
_FORM = 1


class Members(Protocol):
    """What is kept of a Membership."""

    @property
    def peers(self) -> Mapping[str, str]:
        """See Membership."""
        ...

    def restore(self, peers: Mapping[str, str]) -> None:
        """See Membership."""
        ...


class Snapshot:
    """One file, replaced as a whole: objects, and the gateways that lived."""

    def __init__(self, path: Path, informer: Informer, members: Members) -> None:
        self._path = path
        self._informer = informer
        self._members = members
        self._changed = False
        #: the gateways of the last write
        self._peers = members.peers
        # One thread, so that writes come one after the other: one whose waiter was cancelled goes on there.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="snapshot")
        informer.subscribe(lambda *_: self._note())

    async def restore(self) -> bool:
        """Fill the informer and the members from the file; whether there was one that could be read."""
        try:
            objects, peers = await asyncio.to_thread(_read, self._path)
        except FileNotFoundError:
            return False
        except (OSError, ValueError, RecursionError) as error:
            _log.warning("the snapshot cannot be read", path=str(self._path), error=str(error))
            return False
        self._informer.restore(objects)
        self._members.restore(peers)
        return True

    async def keep(self) -> None:
        """Write what has changed, for ever."""
        while True:
            await asyncio.sleep(_EVERY)
            changed = self._changed or self._members.peers != self._peers
            if changed and self._informer.synced.is_set():
                await self.write()

    async def write(self) -> None:
        """Write all that is known now; a disk that is full is told and tried again."""
        self._changed = False
        self._peers = self._members.peers
        write = partial(_write, self._path, self._informer.dump(), self._peers)
        try:
            await asyncio.get_running_loop().run_in_executor(self._writer, write)
        except OSError as error:
            self._changed = True
            _log.warning("the snapshot cannot be written", path=str(self._path), error=str(error))

    def _note(self) -> None:
        self._changed = True


def _read(path: Path) -> tuple[list[Object], dict[str, str]]:
    content = json.loads(path.read_bytes())
    if not isinstance(content, dict) or content.get("form") != _FORM:
        raise ValueError("not a snapshot of this release")
    # Earlier releases kept no peers.
    objects, peers = content.get("objects"), content.get("peers", {})
    if not isinstance(objects, list) or not all(map(_is_object, objects)) or not _are_peers(peers):
        raise ValueError("not a snapshot of this release")
    return objects, peers


def _are_peers(found: Any) -> bool:
    return isinstance(found, dict) and all(isinstance(address, str) for address in found.values())


def _is_object(found: Any) -> bool:
    metadata = found.get("metadata") if isinstance(found, dict) else None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("labels", {}), dict):
        return False
    texts = (found.get("kind"), metadata.get("name"), metadata.get("namespace", ""))
    version = str(metadata.get("resourceVersion") or 0)
    return all(isinstance(text, str) for text in texts) and version.isdecimal()


def _write(path: Path, objects: Iterable[Object], peers: Mapping[str, str]) -> None:
    part = path.with_suffix(".partial")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f'{{"form":{_FORM},"peers":{json.dumps(dict(peers))},"objects":[')
            # One after the other: the loop's thread gets its turn in between.
            for number, each in enumerate(objects):
                file.write(",\n" if number else "\n")
                file.write(json.dumps(each, separators=(",", ":")))
            file.write("\n]}\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        # What is left of it would only keep the disk full.
        part.unlink(missing_ok=True)
        raise
