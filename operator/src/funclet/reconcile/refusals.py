"""Writes that the API server refuses: why, and when each is tried again."""

import asyncio
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from funclet.kube.cluster_port import ForbiddenError
from funclet.kube.objects import key_of
from funclet.kube.port import ConflictError, InvalidError, KubeError, Object
from funclet.plan import reasons
from funclet.plan.plan import Key
from funclet.plan.refusals import Refusals, Refused
from funclet.plan.routes import Unavailable
from funclet.plan.shown import shown

#: seconds until a write that was refused is tried again: the first time, and at most
_FIRST: Final = 0.1
_LONGEST: Final = 30.0
# The name of an object, which may speak of quotas too, stands before these words.
_QUOTA = re.compile(r'" is forbidden: (?:exceeded|failed|insufficient|status unknown for) quota')


class NotOwnedError(ConflictError):
    """An object of the name that a child needs is somebody else's; it is never adopted."""


def why_refused(key: Key, what: str, error: KubeError) -> Unavailable:
    """Say why an object could not be written; `what` is what was to be done to it, as `made`."""
    return Unavailable(_reason(error), shown(f"{key.kind} {key.name} cannot be {what}: {error}"))


def _reason(error: KubeError) -> str:
    if isinstance(error, NotOwnedError):
        return reasons.NOT_OWNED
    if isinstance(error, ForbiddenError) and _QUOTA.search(str(error)):
        return reasons.QUOTA_EXCEEDED
    return reasons.WRITE_REFUSED


def refused(key: Key, what: str, error: KubeError) -> Refused:
    """Make of an error what the status is told of it. An error inside of the server may come after the write."""
    surely = isinstance(error, (ForbiddenError, InvalidError, ConflictError))
    return Refused(why_refused(key, what, error), surely)


@dataclass(frozen=True, slots=True)
class _Tried:
    refused: Refused
    count: int
    #: the event loop's clock
    until: float


class RefusedWrites:
    """Remembers what was refused for each object: until its time has come, or the object's spec is another."""

    def __init__(self) -> None:
        self._of: dict[Key, tuple[object, dict[Key, _Tried]]] = {}

    def standing(self, owner: Object) -> dict[Key, Refused]:
        """Give what is not to be tried yet for an object."""
        now = asyncio.get_running_loop().time()
        return {key: tried.refused for key, tried in self._tried(owner).items() if now < tried.until}

    def keep(self, owner: Object, found: Refusals, tried: Collection[Key]) -> float | None:
        """Remember what a look at an object found, of which `tried` is new; gives the seconds until the next try."""
        now, before = asyncio.get_running_loop().time(), self._tried(owner)
        # All may have been forgotten during the look.
        kept = {
            key: _again(each, before.get(key), now) if key in tried or key not in before else before[key]
            for key, each in found.items()
        }
        if not kept:
            self.forget(key_of(owner))
            return None
        self._of[key_of(owner)] = (_spec(owner), kept)
        return min(each.until for each in kept.values()) - now

    def forget(self, owner: Key) -> None:
        """Take note that an object is gone, or that all was written for it."""
        self._of.pop(owner, None)

    def clear(self) -> None:
        """Forget all: somebody else may have written it meanwhile."""
        self._of.clear()

    def _tried(self, owner: Object) -> dict[Key, _Tried]:
        spec, tried = self._of.get(key_of(owner), (None, {}))
        return tried if spec == _spec(owner) else {}


def _again(found: Refused, before: _Tried | None, now: float) -> _Tried:
    count = before.count + 1 if before is not None else 0
    # The exponent is bounded before it is used.
    return _Tried(found, count, now + min(_FIRST * 2.0 ** min(count, 10), _LONGEST))


def _spec(owner: Object) -> object:
    return owner["metadata"].get("uid"), owner["metadata"].get("generation")
