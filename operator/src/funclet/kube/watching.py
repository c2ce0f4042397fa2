"""Following the API server: a list and then a watch of each kind, many of them merged into one stream."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Any, Literal

import aiohttp

from funclet.kube.connection import Connection
from funclet.kube.errors import error_of
from funclet.kube.kinds import Kind
from funclet.kube.objects import key_of, lean
from funclet.kube.port import Change, ExpiredError, Object
from funclet.kube.trims import Trim
from funclet.plan.plan import Key

#: objects of one answer to a list
CHUNK = 500
#: seconds without a word on a watch: the server sends a bookmark each minute
SILENCE = 70.0
#: seconds after which the server ends a watch in good order
_WATCH_SECONDS = 300
#: seconds before a watch is resumed that ended without having told anything
_PAUSE = 1.0
#: changes that wait to be read; then the server is not read from either
_BACKLOG = 1000

_Put = Callable[[Change], Awaitable[None]]
#: told which watch has said something
Heard = Callable[[str], None]


class Reading:
    """Objects of one kind in a namespace, or in all (None), as they are kept: named, trimmed, in pieces."""

    def __init__(self, connection: Connection, kind: Kind, namespace: str | None, trim: Trim | None) -> None:
        self.connection = connection
        self.kind = kind
        self.path = kind.collection(namespace)
        self._trim = trim

    def kept(self, found: Object) -> Object:
        """Make of an object in an answer what is kept of it."""
        whole = lean({"apiVersion": self.kind.api_version, "kind": self.kind.name, **found})
        return self._trim(whole) if self._trim is not None else whole

    def query(self, **more: str) -> dict[str, str]:
        """Build the query that selects these objects."""
        return {**({"labelSelector": self.kind.selector} if self.kind.selector else {}), **more}

    async def pages(self, limit: int) -> AsyncGenerator[tuple[list[Object], str]]:
        """Give all objects, at most `limit` at once (0: no bound), with the version as of which they are listed.

        Raises ExpiredError where reading them took so long that the rest is forgotten.
        """
        token = ""
        while True:
            paging = {**({"limit": str(limit)} if limit else {}), **({"continue": token} if token else {})}
            answer = await self.connection.call("GET", self.path, query=self.query(**paging))
            listed = answer["metadata"]
            yield [self.kept(found) for found in answer.get("items") or ()], listed["resourceVersion"]
            token = listed.get("continue") or ""
            if not token:
                return

    async def all(self) -> list[Object]:
        """List all objects."""
        try:
            return [found async for page, _ in self.pages(CHUNK) for found in page]
        except ExpiredError:
            return [found async for page, _ in self.pages(0) for found in page]


class Reflector:
    """Tells of one kind's objects in one namespace, or all: what exists, then what changes, without end."""

    def __init__(self, reading: Reading, put: _Put, heard: Heard, *, silence: float) -> None:
        self._reading = reading
        self._put = put
        self._heard = heard
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=silence)
        self._known: dict[Key, tuple[str, str]] = {}

    async def run(self, listed: Callable[[], Awaitable[None]]) -> None:
        """Call `listed` once all that exists has been told. Raises KubeError when the API is away."""
        # One that is refused each time, and tried again, is at work: a new start of the process would change nothing.
        self._say()
        version = await self._list()
        await listed()
        while True:
            try:
                version = await self._follow(version)
            except ExpiredError:
                version = await self._list()

    def _say(self) -> None:
        """Have it noted that this watch is alive."""
        self._heard(self._reading.path)

    async def _list(self) -> str:
        try:
            return await self._list_in_pieces_of(CHUNK)
        except ExpiredError:
            return await self._list_in_pieces_of(0)

    async def _list_in_pieces_of(self, limit: int) -> str:
        gone = dict(self._known)
        version = ""
        async for page, version in self._reading.pages(limit):  # noqa: B007 - the last page's
            self._say()
            for found in page:
                gone.pop(key_of(found), None)
                await self._tell_listed(found)
        for key, (uid, _) in gone.items():
            await self._tell("DELETED", _remains(key, uid, version, self._reading.kind))
        return version

    async def _tell_listed(self, found: Object) -> None:
        key, new = key_of(found), _identity(found)
        old = self._known.get(key)
        if old == new:
            return
        if old is not None and old[0] != new[0]:
            # Another object of this name: the old one went meanwhile.
            await self._tell("DELETED", _remains(key, *old, self._reading.kind))
            old = None
        await self._tell("ADDED" if old is None else "MODIFIED", found)

    async def _follow(self, version: str) -> str:
        """Watch from a version on, until the stream ends; gives the version to go on from."""
        query = self._reading.query(
            watch="true",
            resourceVersion=version,
            allowWatchBookmarks="true",
            timeoutSeconds=str(_WATCH_SECONDS),
        )
        begun = version
        async with self._reading.connection.open(
            "GET", self._reading.path, query=query, within=self._timeout
        ) as answer:
            try:
                while line := await answer.content.readline():
                    self._say()
                    version = await self._told(json.loads(line))
            except (aiohttp.ClientError, OSError, ValueError):
                # It broke, half a line perhaps, or fell silent: all there is to do is to go on from here.
                pass
        if version == begun:
            await asyncio.sleep(_PAUSE)
        return version

    async def _told(self, event: dict[str, Any]) -> str:
        """Pass on one event of a watch; gives the version that it has."""
        found = event["object"]
        if event["type"] == "ERROR":
            raise error_of(found)
        if event["type"] != "BOOKMARK":
            await self._tell(event["type"], self._reading.kept(found))
        return str(found["metadata"]["resourceVersion"])

    async def _tell(self, type_: Literal["ADDED", "MODIFIED", "DELETED"], found: Object) -> None:
        key = key_of(found)
        if type_ == "DELETED":
            self._known.pop(key, None)
        else:
            self._known[key] = _identity(found)
        await self._put(Change(type_, key, found))


def _identity(found: Object) -> tuple[str, str]:
    return found["metadata"]["uid"], found["metadata"]["resourceVersion"]


def _remains(key: Key, uid: str, version: str, kind: Kind) -> Object:
    """What is told of an object whose end nobody saw."""
    metadata = {"namespace": key.namespace, "name": key.name, "uid": uid, "resourceVersion": version}
    return {"apiVersion": kind.api_version, "kind": key.kind, "metadata": metadata}


async def follow(
    readings: Iterable[Reading], heard: Heard, *, silence: float = SILENCE
) -> AsyncGenerator[Change]:
    """Merge the changes of all; SYNCED once each has listed. Raises KubeError when one of them cannot go on.

    `heard` is told of each word of each of them, by its path.
    """
    queue: asyncio.Queue[Change | Exception] = asyncio.Queue(_BACKLOG)
    reflectors = [Reflector(each, queue.put, heard, silence=silence) for each in readings]
    missing = len(reflectors)

    async def listed() -> None:
        nonlocal missing
        missing -= 1
        if not missing:
            await queue.put(Change("SYNCED", None, None))

    async def run(reflector: Reflector) -> None:
        try:
            await reflector.run(listed)
        except Exception as error:  # noqa: BLE001 - raised where the changes are read
            await queue.put(error)

    tasks = [asyncio.create_task(run(each)) for each in reflectors]
    try:
        while not isinstance(change := await queue.get(), Exception):
            yield change
        raise change
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
