"""Finds an archive by namespace and SHA-256: on this disk, in the resources, at a peer, at its origin.

Namespaces share nothing here, not even archives that are the same. Whoever could get another's archive by its hash
would need to know no more of it, and a hash is no secret.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import aiohttp
import structlog

from funclet.gateway.code.references import KINDS, WRITTEN, hashes, inline_of, source_of
from funclet.gateway.code.room import make_room
from funclet.kube.informer import Informer
from funclet.kube.port import Object
from funclet.plan.archive import zip_of
from funclet.plan.capability import code_capability
from funclet.plan.plan import Key
from funclet.store.blobs import CHUNK, BlobMismatchError, BlobNotFoundError, DirectoryBlobs

_log = structlog.get_logger(__name__)
PATH = "/code"
FORWARDED = "x-funclet-forwarded"
#: bytes of archives on the disk, beside those that are just coming
CACHE: Final = 3 << 30
#: seconds in which a peer sends its next piece
_PEER = 10.0
_OK = 200
_REMEMBERED = 1000
#: how many archives are written from resources at once, so that a start leaves threads to others
_WRITERS = 4


class ArchiveError(Exception):
    """An archive cannot be had; the message says why, in a sentence."""


class Wanted(NamedTuple):
    """An archive, and for whom: what another namespace has of this SHA-256 is not it."""

    namespace: str
    sha256: str

    @property
    def path(self) -> str:
        """The path at a gateway's internal port."""
        return f"{PATH}/{self.namespace}/{self.sha256}"


class Origin(Protocol):
    """Where archives come from that are in no resource."""

    def fetch(self, source: str) -> AsyncIterator[bytes]:
        """Read what an https or s3 address gives. Raises ArchiveError."""
        ...


class Archives:
    """Archives that gateways have, share and fetch; each is whole and the one that its name says."""

    def __init__(
        self,
        root: Path,
        informer: Informer,
        key: bytes,
        origin: Origin,
        *,
        peers: Callable[[], Iterable[str]],
        session: aiohttp.ClientSession,
        limit: int = CACHE,
    ) -> None:
        """`peers` gives the internal addresses of the other gateways; `limit` is the cache's size in bytes."""
        self._root = root
        root.mkdir(parents=True, exist_ok=True)
        # All of them at once: each clears away what an interrupted write left.
        self._blobs = {each.name: DirectoryBlobs(each) for each in root.iterdir()}
        self._informer = informer
        self._key = key
        self._origin = origin
        self._peers = peers
        self._session = session
        self._limit = limit
        # What an earlier life left is counted at the first write.
        self._added = limit
        self._looking: dict[Wanted, asyncio.Task[Path]] = {}
        self._keeping: set[asyncio.Task[None]] = set()
        self._writers = asyncio.Semaphore(_WRITERS)
        #: sources that failed when they were last asked
        self._failed: set[str] = set()
        informer.subscribe(self._seen)

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = [*self._looking.values(), *self._keeping]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def find(self, wanted: Wanted, *, forwarded: bool = False) -> Path:
        """Give the archive's file; several who ask for one wait for the same search. Raises ArchiveError.

        One `forwarded` by a peer gets what is at hand: two gateways that look for one archive must not wait
        for each other.
        """
        try:
            if await self._is_at_hand(wanted) or (forwarded and await self._take_inline(wanted)):
                return self._path(wanted)
        except OSError as error:
            raise _no_disk(error) from error
        if forwarded:
            raise ArchiveError(f"this gateway does not have the code {wanted.sha256}")
        task = self._looking.get(wanted)
        if task is None:
            task = asyncio.create_task(self._look(wanted))
            self._looking[wanted] = task
            task.add_done_callback(lambda ended: self._looked(wanted, ended))
        return await asyncio.shield(task)

    def _of(self, namespace: str) -> DirectoryBlobs:
        if namespace not in self._blobs:
            self._blobs[namespace] = DirectoryBlobs(self._root / namespace)
        return self._blobs[namespace]

    async def _is_at_hand(self, wanted: Wanted) -> bool:
        """Whether it is on the disk, and undamaged."""
        blobs = self._blobs.get(wanted.namespace)
        if blobs is None:
            return False

        def check() -> None:
            os.utime(blobs.path(wanted.sha256))

        try:
            await asyncio.to_thread(check)
        except (BlobNotFoundError, BlobMismatchError, FileNotFoundError):
            return False
        return True

    def _path(self, wanted: Wanted) -> Path:
        return self._root / wanted.namespace / wanted.sha256[:2] / wanted.sha256

    def _looked(self, wanted: Wanted, ended: asyncio.Task[Path]) -> None:
        del self._looking[wanted]
        if not ended.cancelled():
            # Whoever asked may be gone; then nobody else takes note of how it ended.
            ended.exception()

    async def _look(self, wanted: Wanted) -> Path:
        try:
            if not await self._take_inline(wanted) and not await self._ask_peers(wanted):
                await self._fetch(wanted)
            path = self._path(wanted)
            await self._make_room(path.stat().st_size)
        except OSError as error:
            raise _no_disk(error) from error
        return path

    def _resources(self, namespace: str) -> list[Object]:
        """Give all of a namespace that has code: asked only for what is not on the disk."""
        return [
            each
            for each in self._informer.dump()
            if each["kind"] in KINDS and each["metadata"].get("namespace") == namespace
        ]

    async def _take_inline(self, wanted: Wanted) -> bool:
        """Make it from the resource that it stands in. A status that lags names code that is there no more."""
        for resource in self._resources(wanted.namespace):
            inline = inline_of(resource)
            if inline is None or wanted.sha256 not in hashes(resource):
                continue
            try:
                content = await asyncio.to_thread(zip_of, inline)
                await self._store(_once(content), wanted)
            except ValueError:
                continue
            return True
        return False

    async def _store(self, chunks: AsyncIterable[bytes], wanted: Wanted) -> None:
        await self._of(wanted.namespace).store(chunks, sha256=wanted.sha256)

    async def _ask_peers(self, wanted: Wanted) -> bool:
        headers = {"authorization": f"Bearer {code_capability(self._key, *wanted)}", FORWARDED: "1"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=1.0, sock_read=_PEER)
        for address in self._peers():
            try:
                url = f"http://{address}{wanted.path}"
                async with self._session.get(url, headers=headers, timeout=timeout) as response:
                    if response.status == _OK:
                        await self._store(response.content.iter_chunked(CHUNK), wanted)
                        return True
            except (aiohttp.ClientError, TimeoutError, BlobMismatchError) as error:
                _log.info("a gateway does not give code", **wanted._asdict(), peer=address, error=repr(error))
        return False

    async def _fetch(self, wanted: Wanted) -> None:
        """Fetch it from where resources say that it is. Raises ArchiveError."""
        resources = self._resources(wanted.namespace)
        sources = {source: None for each in resources if (source := source_of(each, wanted.sha256))}
        failure = ArchiveError(
            f"no function and no gateway has the code {wanted.sha256} any more; apply the function again"
        )
        # Another resource may name the same archive at a place that never answers.
        for source in sorted(sources, key=self._failed.__contains__):
            try:
                await self._fetch_from(source, wanted)
            except ArchiveError as error:
                failure = error
                self._note_failure(source)
            else:
                self._failed.discard(source)
                return
        raise failure

    def _note_failure(self, source: str) -> None:
        if len(self._failed) >= _REMEMBERED:
            self._failed.clear()
        self._failed.add(source)

    async def _fetch_from(self, source: str, wanted: Wanted) -> None:
        try:
            async with aclosing(_pieces(self._origin.fetch(source))) as pieces:
                await self._store(pieces, wanted)
        except BlobMismatchError:
            raise ArchiveError(
                f"what came for {wanted.sha256} is something else: its SHA-256 does not match; publish again, or "
                "correct spec.code.zip.sha256"
            ) from None

    def _seen(self, key: Key, before: Object | None, after: Object | None) -> None:
        """Keep inline code while it is there: a revision outlives the spec that it was made from."""
        inline = inline_of(after) if key.kind in WRITTEN else None
        if inline is None or inline == inline_of(before):
            return
        task = asyncio.create_task(self._keep(key.namespace, inline))
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)

    async def _keep(self, namespace: str, inline: Mapping[str, str]) -> None:
        async with self._writers:
            try:
                content = await asyncio.to_thread(zip_of, inline)
                blobs = self._of(namespace)
                if not await blobs.has(hashlib.sha256(content).hexdigest()):
                    await blobs.keep(content)
                    await self._make_room(len(content))
            except (OSError, ValueError) as error:
                _log.warning("code cannot be kept", error=str(error))

    async def _make_room(self, added: int) -> None:
        """Look at what the disk has after each eighth of the limit that came; leave that much free."""
        self._added += added
        if self._added > self._limit // 8:
            self._added = 0
            await asyncio.to_thread(make_room, self._root, self._limit - self._limit // 8)


async def _pieces(source: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    async for piece in source:
        yield piece


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _no_disk(error: OSError) -> ArchiveError:
    return ArchiveError(f"the gateway cannot keep code: {error.strerror or 'its disk does not work'}")
