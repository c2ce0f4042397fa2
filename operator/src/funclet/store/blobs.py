"""Code archives by their SHA-256: a blob under that name is whole, or is not there."""

import asyncio
import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import BinaryIO, Protocol, Self

CHUNK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


class BlobNotFoundError(LookupError):
    """There is no blob of this SHA-256."""


class BlobMismatchError(ValueError):
    """The bytes are not the ones that their SHA-256 names."""


class Blobs(Protocol):
    """Where archives lie; `sha256` is hex, and the only name of a blob."""

    async def store(self, chunks: AsyncIterable[bytes], *, sha256: str | None = None) -> str:
        """Keep these bytes and give their SHA-256. Raises BlobMismatchError where another was expected."""
        ...

    async def keep(self, content: bytes) -> str:
        """Keep bytes that are at hand, unless they are kept already, and give their SHA-256."""
        ...

    def stream(self, sha256: str) -> AsyncIterator[bytes]:
        """Read a blob in chunks.

        Raises BlobNotFoundError at the first chunk, and BlobMismatchError after the last one: what came
        before is worth nothing then.
        """
        ...

    async def has(self, sha256: str) -> bool:
        """Whether there is such a blob."""
        ...

    async def remove(self, sha256: str) -> None:
        """Forget a blob, if there is one."""
        ...


class DirectoryBlobs:
    """Blobs as files below `root`, in 256 folders; the plain methods block, the async ones use threads."""

    def __init__(self, root: Path) -> None:
        """Make the folder, and clear away what an interrupted write left."""
        self._root = root
        self._partial = root / "partial"
        self._partial.mkdir(parents=True, exist_ok=True)
        for left in self._partial.iterdir():
            left.unlink()

    def put(self, content: bytes | Iterable[bytes]) -> str:
        """Keep the bytes and give their SHA-256."""
        chunks = (content,) if isinstance(content, bytes) else content
        with _Partial(self._partial) as partial:
            for chunk in chunks:
                partial.write(chunk)
            return partial.keep(self._file, None)

    def path(self, sha256: str) -> Path:
        """Find the file of a blob, and read it through first. Raises BlobNotFoundError, BlobMismatchError.

        A file whose bytes changed is set aside as .corrupt, so that the right ones can be stored again.
        """
        path = self._existing(sha256)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._check(path, sha256, digest)
        return path

    def open(self, sha256: str) -> BinaryIO:
        """Open a blob as it lies there. Raises BlobNotFoundError."""
        return self._existing(sha256).open("rb")

    async def store(self, chunks: AsyncIterable[bytes], *, sha256: str | None = None) -> str:
        """Keep these bytes and give their SHA-256. Raises BlobMismatchError where another was expected."""
        with _Partial(self._partial) as partial:
            async for chunk in chunks:
                await asyncio.to_thread(partial.write, chunk)
            return await asyncio.to_thread(partial.keep, self._file, sha256)

    async def keep(self, content: bytes) -> str:
        """Keep bytes that are at hand, unless they are kept already, and give their SHA-256."""
        return await asyncio.to_thread(self._keep, content)

    def _keep(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        return sha256 if self._file(sha256).is_file() else self.put(content)

    async def stream(self, sha256: str) -> AsyncIterator[bytes]:
        """Read a blob in chunks of at most 1 MiB; see Blobs.stream."""
        path = self._existing(sha256)
        digest = hashlib.sha256()
        with await asyncio.to_thread(path.open, "rb") as file:
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                await asyncio.to_thread(digest.update, chunk)
                yield chunk
        self._check(path, sha256, digest.hexdigest())

    async def has(self, sha256: str) -> bool:
        """Whether there is such a blob."""
        return _SHA256.fullmatch(sha256) is not None and await asyncio.to_thread(self._file(sha256).is_file)

    async def remove(self, sha256: str) -> None:
        """Forget a blob, if there is one."""
        if _SHA256.fullmatch(sha256):
            await asyncio.to_thread(self._file(sha256).unlink, missing_ok=True)

    def _file(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256

    def _existing(self, sha256: str) -> Path:
        # What is no SHA-256 must not become a path.
        if _SHA256.fullmatch(sha256) is None or not self._file(sha256).is_file():
            raise BlobNotFoundError(f"there is no blob {sha256[:64]}")
        return self._file(sha256)

    @staticmethod
    def _check(path: Path, sha256: str, found: str) -> None:
        if found != sha256:
            with contextlib.suppress(FileNotFoundError):
                path.replace(path.with_suffix(".corrupt"))
            raise BlobMismatchError(f"blob {sha256} was damaged: its bytes have SHA-256 {found}")


class _Partial:
    """A file being written under a name of its own; gone unless it is kept."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / secrets.token_hex(16)
        self._digest = hashlib.sha256()
        self._file: BinaryIO = self._path.open("xb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._file.close()
        finally:
            # Closing flushes, and a full disk refuses that.
            self._path.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Add to the file and to its hash."""
        self._digest.update(chunk)
        self._file.write(chunk)

    def keep(self, file: Callable[[str], Path], expected: str | None) -> str:
        """Flush to the disk, then take the blob's name in one step."""
        sha256 = self._digest.hexdigest()
        if expected not in {None, sha256}:
            raise BlobMismatchError(f"the bytes have SHA-256 {sha256}, not {expected}")
        self._file.flush()
        os.fsync(self._file.fileno())
        target = file(sha256)
        target.parent.mkdir(exist_ok=True)
        self._path.replace(target)
        sync_folder(target.parent)
        return sha256


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk; a rename lasts only then."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
