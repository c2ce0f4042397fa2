"""Watches: the port's changes as Kubernetes' watch events, one JSON object a line."""

import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from funclet.kube.port import Change, ExpiredError, KubeError, KubePort, Object
from funclet.local.rest.kinds import API_VERSION
from funclet.local.rest.selectors import Predicate
from funclet.local.rest.status import of_error
from funclet.plan.plan import Key

#: what a client that asked for bookmarks sees once all that exists was told
_INITIAL_EVENTS_END = {"k8s.io/initial-events-end": "true"}


def collection_version(objects: Iterable[Object]) -> str:
    """The resourceVersion of a whole collection: a number that any change of it, also a removal, changes."""
    states = sorted(
        (found["metadata"]["name"], str(found["metadata"].get("resourceVersion"))) for found in objects
    )
    return str(int.from_bytes(hashlib.sha256(json.dumps(states).encode()).digest()[:7]))


@dataclass(slots=True)
class Watch:
    """One watch of the objects of a kind and namespace that `wanted` accepts.

    `since` is the version of the collection that the caller has seen; without one, or with 0, the objects
    that exist come first, as ADDED. There is no history here: if the collection is not the one of `since`,
    the watch ends with Expired and the caller lists anew, as it must on a cluster.
    """

    kind: str
    namespace: str
    wanted: Predicate
    since: str = ""
    bookmarks: bool = False
    _told: set[Key] = field(default_factory=set)

    async def lines(self, kube: KubePort) -> AsyncGenerator[str]:
        """The watch's events, each a line of JSON."""
        changes = kube.watch(self.kind)
        try:
            async for change in self._of_namespace(changes):
                if change.type == "SYNCED":
                    if self.bookmarks:
                        yield _line("BOOKMARK", _bookmark(self.kind, self.since))
                elif line := self._line_of(change):
                    yield line
        except KubeError as error:
            yield _line("ERROR", of_error(error))
        finally:
            if isinstance(changes, AsyncGenerator):
                await changes.aclose()

    async def _of_namespace(self, changes: AsyncIterator[Change]) -> AsyncIterator[Change]:
        existing: list[Change] | None = []
        async for change in changes:
            if change.type == "SYNCED":
                for first in self._begin(existing or []):
                    yield first
                existing = None
                yield change
            elif change.key is not None and change.key.namespace == self.namespace:
                if existing is None:
                    yield change
                else:
                    existing.append(change)

    def _begin(self, existing: list[Change]) -> Iterator[Change]:
        """What exists is told, or only remembered where the caller has seen it."""
        now = collection_version(change.object for change in existing if change.object is not None)
        if self.since in {"", "0"}:
            self.since = now
            yield from existing
        elif self.since != now:
            raise ExpiredError(f"too old resource version: {self.since} ({now}); list again")
        else:
            self._told.update(
                change.key for change in existing if change.key and self.wanted(change.object or {})
            )

    def _line_of(self, change: Change) -> str | None:
        """The event, as a watch with a selector must see it: an object that stops to fit is DELETED."""
        key, found = change.key, change.object
        if key is None or found is None:
            return None
        known = key in self._told
        if change.type != "DELETED" and self.wanted(found):
            self._told.add(key)
            return _line("MODIFIED" if known else "ADDED", found)
        self._told.discard(key)
        return _line("DELETED", found) if known else None


def _bookmark(kind: str, version: str) -> dict[str, Any]:
    metadata = {"resourceVersion": version, "annotations": _INITIAL_EVENTS_END}
    return {"kind": kind, "apiVersion": API_VERSION, "metadata": metadata}


def _line(type_: str, found: dict[str, Any]) -> str:
    return json.dumps({"type": type_, "object": found}, separators=(",", ":")) + "\n"
