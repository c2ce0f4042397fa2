"""Code on this machine: archives by their SHA-256, unpacked once and shared by all instances that run them."""

import asyncio
import contextlib
import secrets
import shutil
from pathlib import Path

from funclet.store.blobs import DirectoryBlobs
from funclet.supervisor.unpack import UnpackError, unpack


class CodeError(Exception):
    """The code cannot be brought to an instance; the message says why."""


class CodeFolders:
    """Folders of unpacked code below `root`, named by the archive's SHA-256 (hex)."""

    def __init__(self, blobs: DirectoryBlobs, root: Path) -> None:
        self._blobs = blobs
        self._root = root
        self._unpacking: dict[str, asyncio.Task[Path]] = {}
        root.mkdir(parents=True, exist_ok=True)

    async def folder(self, sha256: str) -> Path:
        """Where the code lies, unpacked when first asked for. Raises CodeError."""
        task = self._unpacking.get(sha256)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = asyncio.create_task(self._make(sha256))
            self._unpacking[sha256] = task
        return await asyncio.shield(task)

    async def _make(self, sha256: str) -> Path:
        target = self._root / sha256
        if target.is_dir():
            return target
        return await asyncio.to_thread(self._unpack, sha256, target)

    def _unpack(self, sha256: str, target: Path) -> Path:
        """Unpack beside the target and rename: a folder of that name is always whole."""
        partial = self._root / f".{sha256}.{secrets.token_hex(4)}"
        try:
            unpack(self._blobs.path(sha256), partial)
            with contextlib.suppress(FileExistsError):
                partial.rename(target)
        except (UnpackError, OSError) as error:
            raise CodeError(str(error)) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return target
