"""The Kubernetes API as far as Funclet asks for it, in this process, kept on disk."""

import asyncio
import uuid
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from funclet.api.base import API_VERSION
from funclet.kube.clock import timestamp
from funclet.kube.objects import resource_version
from funclet.kube.port import Change, ConflictError, KubeError, NotFoundError, Object
from funclet.local.kube.checks import (
    check_preconditions,
    check_replacement,
    check_spec,
    check_status,
    valid_key,
)
from funclet.local.kube.fields import Owners, merge, merge_status, replace, replace_status
from funclet.local.kube.files import ObjectFiles, Stored
from funclet.local.kube.table import Table
from funclet.local.kube.watch import Watchers
from funclet.plan.plan import Event, Key

EVENTS_PER_OBJECT = 50

_T = TypeVar("_T")
_StatusChange = Callable[[Object, Owners, Mapping[str, Any], str], tuple[Object, Owners]]


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An Event with the time at which it was recorded (RFC 3339)."""

    event: Event
    time: str


class LocalKube:
    """KubePort over a folder, or over memory alone.

    An answer is given once the change is on the disk. Whoever calls may be cancelled: a write that has
    begun is finished. `problems` says which files were damaged when it was opened.
    """

    def __init__(
        self,
        root: Path | None = None,
        *,
        now: Callable[[], str] = timestamp,
        on_event: Callable[[Key, Event], None] | None = None,
    ) -> None:
        """Read what lies below `root`. Blocks; OSError where the folder cannot be used."""
        self._files = ObjectFiles(root) if root is not None else None
        self._now = now
        self._on_event = on_event
        self._locks: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._watchers = Watchers()
        self._events: dict[Key, deque[RecordedEvent]] = defaultdict(lambda: deque(maxlen=EVENTS_PER_OBJECT))
        stored, problems = self._files.load() if self._files is not None else ([], [])
        self.problems = tuple(problems)
        #: what is stored, to be read without waiting
        self.table = Table(stored)
        self._version = max((resource_version(each.object) for each in stored), default=0)
        self._collect_orphans()

    async def get(self, key: Key) -> Object:
        """See KubePort."""
        return self.table.live(key).object

    async def list(self, kind: str, namespace: str | None = None) -> list[Object]:
        """See KubePort."""
        return [self.table.live(key).object for key in self.table.keys((kind,), namespace)]

    async def apply(self, manifest: Mapping[str, Any], *, manager: str) -> Object:
        """See KubePort. A resourceVersion in the manifest must be the present one."""
        key = valid_key(manifest)
        return await self._finish(self._apply(key, manifest, manager))

    async def replace(self, manifest: Mapping[str, Any], *, manager: str) -> Object:
        """Make an object what the manifest says, but for its status; what changes is the manager's.

        The manifest must name the present resourceVersion. Raises NotFoundError, ConflictError (another
        resourceVersion or uid), InvalidError.
        """
        key = valid_key(manifest)
        return await self._finish(self._replace(key, manifest, manager))

    async def patch_status(self, key: Key, status: Mapping[str, Any], *, manager: str) -> Object:
        """See KubePort. Raises InvalidError for a status of another shape."""
        return await self._finish(self._write_status(key, status, manager, merge_status))

    async def replace_status(self, key: Key, status: Mapping[str, Any], *, manager: str) -> Object:
        """Make the whole status this, whoever said what of it. Raises NotFoundError, InvalidError."""
        return await self._finish(self._write_status(key, status, manager, replace_status))

    async def delete(self, key: Key, *, uid: str | None = None) -> None:
        """See KubePort. With finalizers the object stays, marked, until they are gone."""
        await self._finish(self._delete(key, uid))

    def watch(self, *kinds: str) -> AsyncIterator[Change]:
        """See KubePort. What exists is taken when the first change is asked for."""
        return self._watchers.watch(frozenset(kinds), lambda: self._existing(kinds))

    def _existing(self, kinds: Iterable[str]) -> Iterator[Change]:
        return (Change("ADDED", key, self.table.live(key).object) for key in self.table.keys(kinds))

    async def record(self, key: Key, event: Event) -> None:
        """See KubePort. The latest events of each object are kept, in memory."""
        if self.table.get(key) is not None:
            self._events[key].append(RecordedEvent(event, self._now()))
        if self._on_event is not None:
            self._on_event(key, event)

    def events(self, key: Key) -> tuple[RecordedEvent, ...]:
        """Read the latest events of an object, the oldest first."""
        return tuple(self._events.get(key, ()))

    async def _finish(self, write: Coroutine[Any, Any, _T]) -> _T:
        """Await a write that goes on even where nobody waits for it any more."""
        task = asyncio.ensure_future(write)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    def _lock(self, key: Key) -> asyncio.Lock:
        return self._locks.setdefault(key, asyncio.Lock())

    async def _apply(self, key: Key, manifest: Mapping[str, Any], manager: str) -> Object:
        async with self._lock(key):
            live = self.table.get(key)
            check_preconditions(key, manifest, live.object if live is not None else None)
            before = live or Stored(self._blank(key), {})
            new = Stored(*merge(before.object, before.owners, manifest, manager))
            changed = await self._change(key, live, new)
        await self._collect_if_orphan(key)
        return changed

    async def _replace(self, key: Key, manifest: Mapping[str, Any], manager: str) -> Object:
        async with self._lock(key):
            live = self.table.live(key)
            check_replacement(key, manifest, live.object)
            check_preconditions(key, manifest, live.object)
            changed = await self._change(
                key, live, Stored(*replace(live.object, live.owners, manifest, manager))
            )
        await self._collect_if_orphan(key)
        return changed

    async def _change(self, key: Key, live: Stored | None, new: Stored) -> Object:
        """Write the object as it is to be, if it is valid and not so already."""
        old = live.object if live is not None else None
        check_spec(key, new.object, old)
        if live is not None and new.object == live.object:
            await self._keep_owners(key, live, new)
            return live.object
        metadata = new.object["metadata"]
        if old is not None and new.object.get("spec") != old.get("spec"):
            metadata["generation"] = old["metadata"]["generation"] + 1
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
            await self._forget(key)
        else:
            await self._commit(key, new, "MODIFIED" if live is not None else "ADDED")
        return new.object

    def _blank(self, key: Key) -> Object:
        metadata = {
            "name": key.name,
            "namespace": key.namespace,
            "uid": str(uuid.uuid4()),
            "generation": 1,
            "creationTimestamp": self._now(),
        }
        return {"apiVersion": API_VERSION, "kind": key.kind, "metadata": metadata}

    async def _keep_owners(self, key: Key, live: Stored, new: Stored) -> None:
        """Remember who applied what, where that is all that changed; for watchers it is nothing."""
        if new.owners != live.owners:
            stored = Stored(live.object, new.owners)
            await self._write(key, stored)
            self.table.put(key, stored)

    async def _write_status(
        self, key: Key, status: Mapping[str, Any], manager: str, change: _StatusChange
    ) -> Object:
        async with self._lock(key):
            live = self.table.live(key)
            new = Stored(*change(live.object, live.owners, status, manager))
            if new.object == live.object:
                await self._keep_owners(key, live, new)
                return live.object
            check_status(key, new.object)
            await self._commit(key, new, "MODIFIED")
            return new.object

    async def _delete(self, key: Key, uid: str | None) -> None:
        async with self._lock(key):
            live = self.table.live(key)
            found = live.object["metadata"]["uid"]
            if uid not in {None, found}:
                raise ConflictError(f"{key.kind} {key.name} has uid {found}, not {uid}")
            if live.object["metadata"].get("finalizers"):
                await self._mark_deleted(key, live)
                return
            await self._forget(key)
        for child in self.table.owned_by(found):
            await self._collect_if_orphan(child)

    async def _mark_deleted(self, key: Key, live: Stored) -> None:
        metadata = live.object["metadata"]
        if not metadata.get("deletionTimestamp"):
            marked = {**live.object, "metadata": {**metadata, "deletionTimestamp": self._now()}}
            await self._commit(key, Stored(marked, live.owners), "MODIFIED")

    async def _forget(self, key: Key) -> None:
        if self._files is not None:
            await _on_disk(self._files.remove, key)
        gone = self.table.remove(key).object
        self._events.pop(key, None)
        self._version += 1
        last = {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self._version)}}
        self._watchers.tell(Change("DELETED", key, last))

    async def _commit(self, key: Key, new: Stored, type_: str) -> None:
        self._version += 1
        new.object["metadata"]["resourceVersion"] = str(self._version)
        await self._write(key, new)
        self.table.put(key, new)
        self._watchers.tell(Change("ADDED" if type_ == "ADDED" else "MODIFIED", key, new.object))

    async def _write(self, key: Key, stored: Stored) -> None:
        if self._files is not None:
            await _on_disk(self._files.write, key, stored)

    async def _collect_if_orphan(self, key: Key) -> None:
        if self.table.is_orphan(key):
            try:
                await self._delete(key, None)
            except NotFoundError:
                return

    def _collect_orphans(self) -> None:
        """Finish the deletions that a crash broke off."""
        while orphans := self.table.orphans():
            for key in orphans:
                self.table.remove(key)
                if self._files is not None:
                    self._files.remove(key)


async def _on_disk(write: Callable[..., None], *values: object) -> None:
    try:
        await asyncio.to_thread(write, *values)
    except OSError as error:
        raise KubeError(f"the state folder cannot be written: {error.strerror}") from error
