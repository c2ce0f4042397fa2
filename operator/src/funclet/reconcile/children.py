"""The children of revisions on a cluster: planned beside each owner, read for how its revisions fare."""

import contextlib
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.kube.cluster_port import UnreachableError
from funclet.kube.informer import OWNER, Index, Informer
from funclet.kube.objects import key_of
from funclet.kube.port import ConflictError, KubeError, NotFoundError, Object
from funclet.plan import reasons
from funclet.plan.children import Children, ChildrenObserved, needed, plan_children
from funclet.plan.drift import differs
from funclet.plan.ended_pods import Streak, plan_ended
from funclet.plan.labels import FUNCTION, REVISION
from funclet.plan.observed import RevisionState
from funclet.plan.plan import Key
from funclet.plan.pod_settings import Cluster
from funclet.plan.pod_state import Told, believed, revision_state
from funclet.plan.pods import counts, is_ready, revision_of, seconds_since
from funclet.plan.revision import Revision
from funclet.plan.told_failure import told_failure
from funclet.reconcile.refusals import why_refused

if TYPE_CHECKING:
    from funclet.plan.routes import Unavailable

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
        #: by owner: Deployments that did not stay as they were applied, and since when
        self._resisting: dict[Key, dict[str, str]] = defaultdict(dict)
        #: by owner: objects of others that have the names of children
        self._strangers: dict[Key, dict[Key, Object]] = defaultdict(dict)
        #: by namespace and function, then by revision: starts that failed
        self._told: dict[tuple[str, str], Mapping[str, Told]] = {}

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
        self._forget_strangers(key, wanted, informer)
        pods = [pod for each in observed.deployments for pod in _pods(informer, key.namespace, each)]
        ended = plan_ended(pods, self._streaks.get(key, {}), now)
        _keep(self._streaks, key, ended.streaks)
        doubts = [believed(told, now) for told in self._told_of(owner).values()]
        waits = [children.requeue_after, ended.look_again, _look_at_starting(pods, now), *doubts]
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

    def applied(self, manifest: Mapping[str, Any], answer: Object, now: str) -> None:
        """Take note of what became of a child that was put back: a webhook may have changed it at once."""
        key = key_of(manifest)
        if key.kind == "Deployment":
            resisting = self._resisting[_owner(manifest)]
            resisting.pop(key.name, None)
            if differs(manifest, answer):
                resisting[key.name] = now

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
        for known in self._by_owner():
            known.pop(owner, None)
        if owner.kind == "Function":
            self._told.pop((owner.namespace, owner.name), None)

    def clear(self) -> None:
        """Forget all that was found out: somebody else may have led meanwhile."""
        for known in self._by_owner():
            known.clear()
        self._told.clear()

    def _by_owner(self) -> tuple[MutableMapping[Key, Any], ...]:
        return self._refused, self._denied, self._streaks, self._strangers, self._resisting

    def states(self, namespace: str, function: str, informer: Informer, now: str) -> dict[str, RevisionState]:
        """Tell how all revisions of a Function of which there is something fare, by their keys."""
        told = self._believed(namespace, function, informer, now)
        children = informer.find(_OF_FUNCTION, (namespace, function))
        states: dict[str, RevisionState] = {}
        for key in sorted({each["metadata"]["name"] for each in children if each["kind"] in KINDS[:2]}):
            deployment = informer.get(Key("Deployment", namespace, key))
            why = told[key].why if key in told else None
            state = revision_state(_pods(informer, namespace, key), deployment, now, told=why)
            states[key] = state
            if state.failure is None:
                told.pop(key, None)
            elif state.failure is not why:
                told[key] = Told(state.failure, now)
        if informer.get(Key("Function", namespace, function)) is not None:
            self._told[namespace, function] = {
                key: each for key, each in told.items() if key in states and believed(each, now) != 0
            }
        for owner, refused in self._refused.items():
            if owner.namespace == namespace:
                for key, why in refused.items():
                    states[key] = replace(states.get(key, RevisionState()), failure=why)
        return states

    def _believed(self, namespace: str, function: str, informer: Informer, now: str) -> dict[str, Told]:
        """Give the starts that failed before; what another operator, or this one's last life, told of is in statuses."""
        told = self._told.get((namespace, function))
        if told is None:
            versions = informer.find("of", ("FunctionVersion", namespace, function))
            owners = (informer.get(Key("Function", namespace, function)), *versions)
            read = (told_failure(owner) for owner in owners if owner is not None)
            told = {key: Told(why, now) for key, why in filter(None, read)}
        return {key: each for key, each in told.items() if believed(each, now) != 0}

    def _forget_strangers(self, owner: Key, wanted: Collection[str], informer: Informer) -> None:
        """Look no more at what stands in nobody's way, or is told of by a watch."""
        strangers = self._strangers.get(owner, {})
        kept = {
            key: found for key, found in strangers.items() if key.name in wanted and informer.get(key) is None
        }
        _keep(self._strangers, owner, kept)

    def _told_of(self, owner: Function | FunctionVersion) -> Mapping[str, Told]:
        name = owner.metadata.name if isinstance(owner, Function) else owner.spec.function
        return self._told.get((owner.metadata.namespace, name), {})

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
            resisting=self._resisting.get(_key(owner), {}),
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
    found = informer.find(_OF_REVISION, (namespace, revision))
    return [each for each in found if each["kind"] == "Pod" and revision_of(each) == revision]


def _key(owner: Function | FunctionVersion) -> Key:
    return Key(owner.kind, owner.metadata.namespace, owner.metadata.name)


def _of_function(manifest: Object) -> Iterable[Hashable]:
    function = (manifest["metadata"].get("annotations") or {}).get(FUNCTION)
    return [(manifest["metadata"]["namespace"], function)] if manifest["kind"] in KINDS and function else []


def _of_revision(manifest: Object) -> Iterable[Hashable]:
    revision = (manifest["metadata"].get("labels") or {}).get(REVISION)
    return [(manifest["metadata"]["namespace"], revision)] if manifest["kind"] in KINDS and revision else []
