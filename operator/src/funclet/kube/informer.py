"""A store of objects that a watch keeps up to date, to be read without waiting."""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import AsyncGenerator, Callable, Hashable, Iterable, Mapping
from contextlib import aclosing
from typing import cast

from funclet.kube.objects import key_of, owner_uids, resource_version
from funclet.kube.port import Change, KubeError, KubePort, Object
from funclet.plan.plan import Key

#: the values under which an object can be found
Index = Callable[[Object], Iterable[Hashable]]
#: told of each change: which object, how it was, how it is; None where there was, or is, none
Subscriber = Callable[[Key, Object | None, Object | None], None]

OWNER = "owner"
_TOMBSTONES = 4096
_FIRST_RETRY = 0.1
_LONGEST_RETRY = 15.0


class Informer:
    """All objects of some kinds. `synced` is set once it has all that existed when it began."""

    def __init__(
        self,
        kube: KubePort,
        kinds: Iterable[str],
        indexes: Mapping[str, Index] | None = None,
        *,
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        """`indexes`: by name; the objects that an owner's uid has are always found under OWNER.

        `on_error` is told each time that a watch breaks; it must not block.
        """
        self.synced = asyncio.Event()
        self._kube = kube
        self._on_error = on_error
        self._kinds = tuple(kinds)
        self._objects: dict[str, dict[Key, Object]] = {kind: {} for kind in self._kinds}
        self._indexes: dict[str, Index] = {OWNER: owner_uids, **(indexes or {})}
        self._found: dict[tuple[str, Hashable], set[Key]] = defaultdict(set)
        self._subscribers: list[Subscriber] = []
        self._deleted: OrderedDict[Key, int] = OrderedDict()
        #: known, and not told of since `begin`
        self._unseen: set[Key] = set()
        #: whether all that exists has been told since `begin`
        self._listed = True
        #: taken by `put` since `begin`
        self._written: set[Key] = set()
        #: known from an earlier life alone
        self._restored: set[Key] = set()

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is watched."""
        return self._kinds

    def get(self, key: Key) -> Object | None:
        """Read an object as it was last seen."""
        return self._objects.get(key.kind, {}).get(key)

    def find(self, index: str, value: Hashable) -> list[Object]:
        """Read the objects that an index has under this value, in the order of their keys."""
        return [self._objects[key.kind][key] for key in sorted(self._found.get((index, value), ()))]

    def subscribe(self, subscriber: Subscriber) -> None:
        """Tell of every change from now on; the call must not block."""
        self._subscribers.append(subscriber)

    def dump(self) -> list[Object]:
        """Give all objects, for `restore` to take in another life."""
        return [found for objects in self._objects.values() for found in objects.values()]

    def restore(self, objects: Iterable[Object]) -> None:
        """Take what an earlier life knew, until all that exists has been told; it is not `synced` by that.

        Whatever this life knows of an object, be it the object's end, stands, whichever is newer by its version.
        """
        if self.synced.is_set():
            return
        for found in objects:
            key = key_of(found)
            if key.kind in self._objects and key not in self._deleted and self.get(key) is None:
                self._restored.add(key)
                self._replace(key, None, found)

    async def run(self) -> None:
        """Watch for ever; a watch that breaks is begun again, later each time."""
        retry = _FIRST_RETRY
        while True:
            self.begin()
            try:
                await self._follow()
            except (KubeError, OSError) as error:
                if self._on_error is not None:
                    self._on_error(error)
                # Whoever had told all that exists before it broke is worth asking at once.
                retry = _FIRST_RETRY if self._listed else min(retry * 2, _LONGEST_RETRY)
                await asyncio.sleep(retry)

    async def _follow(self) -> None:
        watch = cast("AsyncGenerator[Change, None]", self._kube.watch(*self._kinds))
        async with aclosing(watch) as changes:
            async for change in changes:
                self.take(change)

    def begin(self) -> None:
        """Expect to be told of all that exists by `take`, as ADDED, and then SYNCED: what is not told is gone."""
        self._unseen = {key for objects in self._objects.values() for key in objects}
        self._listed = False
        self._written.clear()

    def take(self, change: Change) -> None:
        """Take one step of a watch, whoever watches."""
        if change.type == "SYNCED":
            for key in self._unseen:
                self._remove(key)
            self._unseen = set()
            self._complete()
        elif change.object is not None and change.key is not None:
            self._unseen.discard(change.key)
            # A server whose memory was restored tells of older objects, and they are the ones that exist.
            anew = self._hear_of(change.key) or (not self._listed and change.key not in self._written)
            self._take(change.key, change.object, deleted=change.type == "DELETED", anew=anew)

    async def resync(self) -> set[str]:
        """List everything: take what was missed, and prune what is gone. Raises KubeError, changing nothing.

        Gives the kinds of which no watch had told the newest yet.
        """
        missed: set[str] = set()
        before = {kind: dict(objects) for kind, objects in self._objects.items()}
        found = {kind: await self._kube.list(kind) for kind in self._kinds}
        for kind, objects in found.items():
            listed = {key_of(each): each for each in objects}
            for key, each in listed.items():
                # What did not change meanwhile is as it was listed, even where that is older: see `take`.
                known = before[kind].get(key)
                anew = self._hear_of(key) or (known is not None and self.get(key) is known)
                if self._take(key, each, deleted=False, anew=anew):
                    missed.add(kind)
            for key, old in before[kind].items():
                # What changed while the list was made is newer than the list.
                if key not in listed and self.get(key) is old:
                    self._remove(key)
                    missed.add(kind)
        self._complete()
        return missed

    def put(self, written: Object) -> None:
        """Take what a write answered, so that the writer reads its own write before the watch tells of it."""
        key = key_of(written)
        if not self._listed:
            self._written.add(key)
            self._unseen.discard(key)
        self._take(key, written, deleted=False, anew=self._hear_of(key))

    def _hear_of(self, key: Key) -> bool:
        """Take note that this life knows of an object; whether an earlier one alone did."""
        restored = key in self._restored
        self._restored.discard(key)
        return restored

    def _complete(self) -> None:
        """All that exists has been told: what only an earlier life knew is gone."""
        gone, self._restored = self._restored, set()
        for key in gone:
            self._remove(key)
        self._listed = True
        self.synced.set()

    def _take(self, key: Key, seen: Object, *, deleted: bool, anew: bool = False) -> bool:
        """Take what was seen; gives whether it was news."""
        version, before = resource_version(seen), self.get(key)
        if deleted:
            self._bury(key, version)
            # What was made anew under this name, and is known from its write, is not what went.
            if before is not None and (anew or resource_version(before) <= version):
                self._replace(key, before, None)
            return before is not None
        known = self._deleted.get(key, 0) if before is None else resource_version(before)
        # A write's answer and the watch race: what is older, or known, is no news.
        if version > known or (anew and version != known):
            self._replace(key, before, seen)
            return True
        return False

    def _bury(self, key: Key, version: int) -> None:
        self._deleted[key] = version
        if len(self._deleted) > _TOMBSTONES:
            self._deleted.popitem(last=False)

    def _remove(self, key: Key) -> None:
        before = self.get(key)
        if before is not None:
            self._replace(key, before, None)

    def _replace(self, key: Key, before: Object | None, after: Object | None) -> None:
        for name, index in self._indexes.items():
            for value in index(before) if before is not None else ():
                self._found[name, value].discard(key)
            for value in index(after) if after is not None else ():
                self._found[name, value].add(key)
        if after is None:
            del self._objects[key.kind][key]
        else:
            self._objects[key.kind][key] = after
        for subscriber in self._subscribers:
            subscriber(key, before, after)
