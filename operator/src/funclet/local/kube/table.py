"""The stored objects in memory, found by key, uid and owner."""

from collections import defaultdict
from collections.abc import Iterable

from funclet.kube.objects import key_of, owner_uids
from funclet.kube.port import NotFoundError
from funclet.local.kube.files import Stored
from funclet.plan.plan import Key


class Table:
    """What LocalKube holds. All methods are plain look-ups."""

    def __init__(self, stored: Iterable[Stored]) -> None:
        self._stored: dict[Key, Stored] = {}
        self._uids: set[str] = set()
        self._children: dict[str, set[Key]] = defaultdict(set)
        for each in stored:
            self.put(key_of(each.object), each)

    def get(self, key: Key) -> Stored | None:
        """Read an object, if it is there."""
        return self._stored.get(key)

    def live(self, key: Key) -> Stored:
        """Read an object. Raises NotFoundError."""
        stored = self._stored.get(key)
        if stored is None:
            raise NotFoundError(f"{key.kind} {key.name} not found")
        return stored

    def keys(self, kinds: Iterable[str], namespace: str | None = None) -> list[Key]:
        """List the objects of some kinds, in all namespaces or in one."""
        wanted = frozenset(kinds)
        return sorted(
            key for key in self._stored if key.kind in wanted and namespace in {None, key.namespace}
        )

    def put(self, key: Key, stored: Stored) -> None:
        """Hold an object instead of the one before it."""
        if key in self._stored:
            self.remove(key)
        self._stored[key] = stored
        self._uids.add(stored.object["metadata"]["uid"])
        for owner in owner_uids(stored.object):
            self._children[owner].add(key)

    def remove(self, key: Key) -> Stored:
        """Drop an object and give it back."""
        gone = self._stored.pop(key)
        self._uids.discard(gone.object["metadata"]["uid"])
        for owner in owner_uids(gone.object):
            children = self._children[owner]
            children.discard(key)
            if not children:
                del self._children[owner]
        return gone

    def owned_by(self, uid: str) -> list[Key]:
        """List the objects that name this owner."""
        return sorted(self._children.get(uid, ()))

    def is_orphan(self, key: Key) -> bool:
        """Whether all owners that the object names are gone: what Kubernetes' garbage collector asks."""
        stored = self._stored.get(key)
        owners = set(owner_uids(stored.object)) if stored is not None else set()
        return bool(owners) and not owners & self._uids

    def orphans(self) -> list[Key]:
        """List the objects whose owners are gone."""
        return [key for key in sorted(self._stored) if self.is_orphan(key)]
