"""Deployments that stand above zero although nobody looks after them: left by a gateway that died, or by hand."""

from collections.abc import Container
from enum import Enum

from funclet.kube.port import Object
from funclet.plan.labels import REVISION
from funclet.plan.plan import Key

#: seconds for which such a Deployment is left alone: a route may still be on its way
GRACE = 10.0


class Whose(Enum):
    """To whom a Deployment belongs that is not of a routed revision of this gateway."""

    #: another gateway is its function's home, or nobody knows yet who is
    ELSEWHERE = "elsewhere"
    #: this gateway is home, and no route leads to it
    NOBODY = "nobody"


class Raised:
    """All Deployments that ask for pods, and since when nobody was seen to look after them."""

    def __init__(self) -> None:
        self._since: dict[Key, float | None] = {}
        self._revisions: dict[Key, str] = {}

    def see(self, key: Key, deployment: Object | None) -> None:
        """Take note of a Deployment as it is now; None: it is gone."""
        revision = revision_of(deployment) if deployment is not None else None
        if revision is None or not replicas_of(deployment):
            self._since.pop(key, None)
            self._revisions.pop(key, None)
        else:
            self._since.setdefault(key, None)
            self._revisions[key] = revision

    def left_alone(self, looked_after: Container[str], now: float) -> list[Key]:
        """Give those whose revision is not among these."""
        alone = [key for key, revision in self._revisions.items() if revision not in looked_after]
        for key in self._since.keys() - alone:
            self._since[key] = None
        for key in alone:
            if self._since[key] is None:
                self._since[key] = now
        return alone

    def excuse(self, key: Key) -> None:
        """Count its time anew."""
        self._since[key] = None

    def is_due(self, key: Key, now: float) -> bool:
        """Whether it has been nobody's for long enough."""
        since = self._since.get(key)
        return since is not None and now - since >= GRACE


def revision_of(manifest: Object) -> str | None:
    """Name the revision that a Deployment or Pod belongs to."""
    labels = manifest["metadata"].get("labels") or {}
    found = labels.get(REVISION)
    return found if isinstance(found, str) else None


def replicas_of(deployment: Object | None) -> int:
    """How many pods a Deployment asks for; none where there is none."""
    if deployment is None:
        return 0
    replicas = deployment["spec"].get("replicas", 1)
    return int(replicas) if replicas is not None else 1
