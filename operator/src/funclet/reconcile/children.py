"""The children of revisions on a cluster: planned beside each owner, read for how its revisions fare."""

import contextlib
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, MutableMapping
from dataclasses import replace
from typing import Any, Final, Protocol, TypeVar

from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.kube.cluster_port import UnreachableError
from funclet.kube.informer import OWNER, Index, Informer
from funclet.kube.objects import key_of
from funclet.kube.port import ConflictError, KubeError, NotFoundError, Object
from funclet.plan import reasons
from funclet.plan.children import Children, ChildrenObserved, needed, plan_children
from funclet.plan.ended_pods import Streak, plan_ended
from funclet.plan.labels import FUNCTION, REVISION
from funclet.plan.observed import RevisionState
from funclet.plan.plan import Key
from funclet.plan.pod_settings import Cluster
from funclet.plan.pod_state import revision_state
from funclet.plan.pods import counts, is_ready, seconds_since
from funclet.plan.revision import Revision
from funclet.plan.routes import Unavailable
from funclet.reconcile.refusals import why_refused

_K = TypeVar("_K")
_V = TypeVar("_V")
KINDS: Final = ("ControllerRevision", "Deployment", "Pod")
_OF_FUNCTION: Final = "children"
_OF_REVISION: Final = "revision"

#: seconds after which a name that somebody else's object has, or a child that was refused, is tried again
_IN_VAIN: Final = 30.0
#: the same where that has just been found out, and is still to be told
_FOUND_OUT: Final = 0.5
#: pods that start are looked at after these seconds, then when they are half as old again, and at last each minute
_STARTING: Final = 2.0
_STARTING_LONG: Final = 60.0
#: makes what is applied only later: a Deployment has a scale that is not the operator's
CREATOR: Final = "funclet-create"


class Creator(Protocol):
    """What children are made through."""

    async def get(self, key: Key) -> Object:
        """See KubePort."""
        ...

    async def create(self, manifest: Mapping[str, Any], *, manager: str) -> Object:
        """See ClusterPort."""
        ...


class ChildrenKeeper:
    """Plans, and remembers which revisions could not have children, so that the status can say so."""

    def __init__(self, kube: Creator, cluster: Cluster) -> None:
        self._kube = kube
        self._cluster = cluster
        #: by owner, then by revision
        self._refused: dict[Key, Mapping[str, Unavailable]] = {}
        #: what the API server did not take, likewise
        self._denied: dict[Key, dict[str, Unavailable]] = defaultdict(dict)
        self._streaks: dict[Key, Mapping[str, Streak]] = {}
        #: by owner: objects of others that have the names of children
        self._strangers: dict[Key, dict[Key, Object]] = defaultdict(dict)
        #: by namespace and function: what was told last
        self._told: dict[tuple[str, str], Mapping[str, RevisionState]] = {}

    @property
    def indexes(self) -> Mapping[str, Index]:
        """What the informer must know children by."""
        return {_OF_FUNCTION: _of_function, _OF_REVISION: _of_revision}

    def plan(
        self,
        owner: Function | FunctionVersion,
        revisions: Iterable[Revision],
        *,
        serving: str | None,
        current: Collection[str] | None,
        informer: Informer,
        now: str,
    ) -> Children:
        """Plan for the children of one owner; see plan_children."""
        wanted = needed(owner, revisions, serving)
        observed = self._observed(owner, {*wanted}, informer)
        children = plan_children(owner, wanted, current, observed, self._cluster, now)
        key = _key(owner)
        _keep(self._denied, key, {each: why for each, why in self._denied[key].items() if each in wanted})
        _keep(self._refused, key, {**self._denied.get(key, {}), **children.refused})
        pods = [pod for each in observed.deployments for pod in _pods(informer, key.namespace, each)]
        ended = plan_ended(pods, self._streaks.get(key, {}), now)
        _keep(self._streaks, key, ended.streaks)
        waits = [children.requeue_after, ended.look_again, _look_at_starting(pods, now)]
        if any(why.reason == reasons.NOT_OWNED for why in children.refused.values()):
            waits.append(_IN_VAIN)
        return replace(
            children,
            deletes=(*children.deletes, *ended.deletes),
            requeue_after=min((wait for wait in waits if wait is not None), default=None),
        )

    async def create(self, manifest: Mapping[str, Any]) -> Object | float:
        """Make a child. Where it cannot be made, the next look says why, after so many seconds.

        An object of its name that is not Funclet's is in no watch, so it is read here.
        """
        key, owner = key_of(manifest), _owner(manifest)
        denied = self._denied[owner]
        try:
            made = await self._kube.create(manifest, manager=CREATOR)
        except ConflictError:
            with contextlib.suppress(NotFoundError):
                self._strangers[owner][key] = await self._kube.get(key)
            return _FOUND_OUT
        except UnreachableError:
            raise
        except KubeError as error:
            why = why_refused(key, "made", error)
            known = denied.get(key.name) == why
            denied[key.name] = why
            return _IN_VAIN if known else _FOUND_OUT
        denied.pop(key.name, None)
        return made

    async def look_again(self, owner: Key) -> None:
        """Read once more what stood in the way of an owner's children: it may be gone by now."""
        strangers = self._strangers.get(owner, {})
        for key in list(strangers):
            try:
                strangers[key] = await self._kube.get(key)
            except NotFoundError:
                del strangers[key]

    def forget(self, owner: Key) -> None:
        """Take note that an owner is gone."""
        for known in (self._refused, self._denied, self._streaks, self._strangers):
            known.pop(owner, None)
        if owner.kind == "Function":
            self._told.pop((owner.namespace, owner.name), None)

    def states(self, namespace: str, function: str, informer: Informer, now: str) -> dict[str, RevisionState]:
        """Tell how all revisions of a Function fare, by their keys."""
        before = self._told.get((namespace, function), {})
        states: dict[str, RevisionState] = {}
        for child in informer.find(_OF_FUNCTION, (namespace, function)):
            if child["kind"] == "Deployment":
                key = child["metadata"]["name"]
                pods = _pods(informer, namespace, key)
                states[key] = revision_state(pods, child, now, before=before.get(key))
        _keep(self._told, (namespace, function), states.copy())
        for owner, refused in self._refused.items():
            if owner.namespace == namespace:
                states |= {key: RevisionState(failure=why) for key, why in refused.items()}
        return states

    def _observed(
        self, owner: Function | FunctionVersion, keys: Collection[str], informer: Informer
    ) -> ChildrenObserved:
        namespace = owner.metadata.namespace
        owned = informer.find(OWNER, owner.metadata.uid or "")
        children = (Key(kind, namespace, key) for kind in KINDS[:2] for key in keys)
        strangers = self._strangers.get(_key(owner), {})
        named = (informer.get(child) or strangers.get(child) for child in children)
        found = [each for each in (*owned, *named) if each is not None]
        return ChildrenObserved(
            records={
                each["metadata"]["name"]: each for each in found if each["kind"] == "ControllerRevision"
            },
            deployments={each["metadata"]["name"]: each for each in found if each["kind"] == "Deployment"},
        )


def _keep(known: MutableMapping[_K, _V], key: _K, value: _V) -> None:
    """Remember what says something."""
    if value:
        known[key] = value
    else:
        known.pop(key, None)


def _look_at_starting(pods: Iterable[Object], now: str) -> float | None:
    """Say when to look at pods again that are not ready: that nothing happens to them is told by no watch."""
    ages = [
        seconds_since(pod["metadata"].get("creationTimestamp"), now)
        for pod in pods
        if counts(pod) and not is_ready(pod)
    ]
    return min(max(_STARTING, min(ages) / 2), _STARTING_LONG) if ages else None


def _owner(manifest: Mapping[str, Any]) -> Key:
    owner = next(each for each in manifest["metadata"]["ownerReferences"] if each.get("controller"))
    return Key(owner["kind"], manifest["metadata"]["namespace"], owner["name"])


def _pods(informer: Informer, namespace: str, revision: str) -> list[Object]:
    return [each for each in informer.find(_OF_REVISION, (namespace, revision)) if each["kind"] == "Pod"]


def _key(owner: Function | FunctionVersion) -> Key:
    return Key(owner.kind, owner.metadata.namespace, owner.metadata.name)


def _of_function(manifest: Object) -> Iterable[Hashable]:
    function = (manifest["metadata"].get("annotations") or {}).get(FUNCTION)
    return [(manifest["metadata"]["namespace"], function)] if manifest["kind"] in KINDS and function else []


def _of_revision(manifest: Object) -> Iterable[Hashable]:
    revision = (manifest["metadata"].get("labels") or {}).get(REVISION)
    return [(manifest["metadata"]["namespace"], revision)] if manifest["kind"] in KINDS and revision else []
