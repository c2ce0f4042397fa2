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
        self, kube: KubePort, kinds: Iterable[str], indexes: Mapping[str, Index] | None = None
    ) -> None:
        """`indexes`: by name; the objects that an owner's uid has are always found under OWNER."""
        self.synced = asyncio.Event()
        self._kube = kube
        self._kinds = tuple(kinds)
        self._objects: dict[str, dict[Key, Object]] = {kind: {} for kind in self._kinds}
        self._indexes: dict[str, Index] = {OWNER: owner_uids, **(indexes or {})}
        self._found: dict[tuple[str, Hashable], set[Key]] = defaultdict(set)
        self._subscribers: list[Subscriber] = []
        self._deleted: OrderedDict[Key, int] = OrderedDict()

    def get(self, key: Key) -> Object | None:
        """Read an object as it was last seen."""
        return self._objects.get(key.kind, {}).get(key)

    def find(self, index: str, value: Hashable) -> list[Object]:
        """Read the objects that an index has under this value, in the order of their keys."""
        return [self._objects[key.kind][key] for key in sorted(self._found.get((index, value), ()))]

    def subscribe(self, subscriber: Subscriber) -> None:
        """Tell of every change from now on; the call must not block."""
        self._subscribers.append(subscriber)

    async def run(self) -> None:
        """Watch for ever; a watch that breaks is begun again, later each time."""
        retry = _FIRST_RETRY
        while True:
            try:
                await self._follow()
                retry = _FIRST_RETRY
            except (KubeError, OSError):
                await asyncio.sleep(retry)
                retry = min(retry * 2, _LONGEST_RETRY)

    async def _follow(self) -> None:
        unseen = {key for objects in self._objects.values() for key in objects}
        watch = cast("AsyncGenerator[Change, None]", self._kube.watch(*self._kinds))
        async with aclosing(watch) as changes:
            async for change in changes:
                if change.type == "SYNCED":
                    for key in unseen:
                        self._remove(key)
                    unseen = set()
                    self.synced.set()
                elif change.object is not None and change.key is not None:
                    unseen.discard(change.key)
                    self._take(change.key, change.object, deleted=change.type == "DELETED")

    def put(self, written: Object) -> None:
        """Take what a write answered, so that the writer reads its own write before the watch tells of it."""
        self._take(key_of(written), written, deleted=False)

    def _take(self, key: Key, seen: Object, *, deleted: bool) -> None:
        version = resource_version(seen)
        if deleted:
            self._deleted[key] = version
            if len(self._deleted) > _TOMBSTONES:
                self._deleted.popitem(last=False)
            self._remove(key)
            return
        before = self.get(key)
        known = self._deleted.get(key, 0) if before is None else resource_version(before)
        # A write's answer and the watch race: what is older, or known, is no news.
        if version > known:
            self._replace(key, before, seen)

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
