"""Code on this machine: archives by their SHA-256, unpacked once in a run and shared by all instances that run them.

They share it so that a start neither copies a library nor compiles it anew. So that a version stays what it is, nobody may
write there, as on AWS; and since root may all the same, the folder is compared with what was unpacked, before each start
and after each end of an instance.
"""

import asyncio
import secrets
from pathlib import Path

from funclet.local import sealed
from funclet.store.blobs import BlobMismatchError, BlobNotFoundError, DirectoryBlobs
from funclet.supervisor.unpack import UnpackError, unpack


class CodeError(Exception):
    """The code cannot be brought to an instance; the message says why."""


class CodeFolders:
    """Folders of unpacked code below `root`, named by the archive's SHA-256 (hex)."""

    def __init__(self, blobs: DirectoryBlobs, root: Path) -> None:
        """Make the root, without what a run left there that was killed: nobody knows what happened to it since."""
        self._blobs = blobs
        self._root = root
        self._seen: dict[str, sealed.Seen] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._looking: set[asyncio.Task[Path]] = set()
        sealed.remove(root)
        root.mkdir(parents=True, exist_ok=True)

    async def folder(self, sha256: str) -> Path:
        """Where the code lies as it was unpacked; what was changed there is unpacked anew. Raises CodeError."""
        # Whoever asks may be cancelled; the thread that unpacks cannot.
        task = asyncio.create_task(self._one_at_a_time(sha256))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)
        return await asyncio.shield(task)

    def close(self) -> None:
        """Remove the folders; nobody may run in them any more."""
        sealed.remove(self._root)

    async def _one_at_a_time(self, sha256: str) -> Path:
        async with self._locks.setdefault(sha256, asyncio.Lock()):
            return await asyncio.to_thread(self._whole, sha256)

    def _whole(self, sha256: str) -> Path:
        target = self._root / sha256
        try:
            if not self._is_whole(sha256, target):
                self._unpack(sha256, target)
                self._seen[sha256] = sealed.look(target)
        except (UnpackError, BlobMismatchError, BlobNotFoundError, OSError) as error:
            raise CodeError(self._why(error)) from error
        return target

    def _is_whole(self, sha256: str, target: Path) -> bool:
        try:
            return self._seen.get(sha256) == sealed.look(target)
        except OSError:
            return False

    def _unpack(self, sha256: str, target: Path) -> None:
        """Unpack beside the target and rename: a folder of that name is always whole."""
        self._root.mkdir(exist_ok=True)
        partial, aside = (self._root / f".{sha256}.{secrets.token_hex(4)}" for _ in range(2))
        try:
            unpack(self._blobs.path(sha256), partial)
            sealed.seal(partial)
            if target.exists():
                # Instances may still run in it, so it stays until all of them have ended.
                target.rename(aside)
            partial.rename(target)
        finally:
            sealed.remove(partial)

    def _why(self, error: Exception) -> str:
        if self._root.parent.is_dir():
            return str(error)
        return f"the state folder {self._root.parent} was removed; start funclet local anew"
