"""The children of revisions, a record and a Deployment each: made at the first need, put back, removed at last."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from funclet.api.base import GROUP
from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.plan import reasons
from funclet.plan.deployment import TEMPLATE, at_zero, deployment_manifest, is_idle, template_hash
from funclet.plan.drift import added_by, differs
from funclet.plan.plan import Event, Key
from funclet.plan.pod import pod_template
from funclet.plan.pod_settings import Cluster
from funclet.plan.record import checked_template, record_manifest, recorded_template
from funclet.plan.revision import Revision
from funclet.plan.routes import Unavailable

_Object = Mapping[str, Any]
#: seconds after which a child that is being deleted is looked at again
_LEAVING = 1.0
#: a Deployment is not made anew, or put back, more often than this where whoever changes it may do so each time
_REBUILD: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class ChildrenObserved:
    """ControllerRevisions and Deployments of the owner's namespace, by name.

    All that the owner controls, and whatever else has the key of one of its revisions as its name.
    """

    records: Mapping[str, _Object] = field(default_factory=dict)
    deployments: Mapping[str, _Object] = field(default_factory=dict)
    #: Deployments that were not as they should be when they had just been put back, and when that was (RFC 3339)
    resisting: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Children:
    """What is to be done about children; `refused` says, by key, why a revision cannot have any."""

    deletes: tuple[Key, ...] = ()
    creates: tuple[_Object, ...] = ()
    applies: tuple[_Object, ...] = ()
    refused: Mapping[str, Unavailable] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    #: seconds
    requeue_after: float | None = None


def needed(
    owner: Function | FunctionVersion, revisions: Iterable[Revision], serving: str | None
) -> dict[str, Revision]:
    """Choose the revisions that need children: a gateway wants them, or they must have instances always."""
    stands_by = isinstance(owner, Function) and owner.spec.scaling.min > 0
    return {
        revision.key: revision
        for revision in revisions
        if revision.key in owner.status.wanted or (stands_by and revision.key == serving)
    }


def plan_children(
    owner: Function | FunctionVersion,
    needed: Mapping[str, Revision],
    current: Collection[str] | None,
    observed: ChildrenObserved,
    cluster: Cluster,
    now: str,
) -> Children:
    """Plan for all children of one owner.

    `needed` get children. `current` are the keys whose children stay; None while that is not known, and then
    all stay. `now` is an RFC 3339 time in UTC.
    """
    if owner.metadata.deletion_timestamp:
        return Children()
    there = {
        name
        for objects in (observed.records, observed.deployments)
        for name, child in objects.items()
        if _is_controlled(owner, child)
    }
    steps = []
    for key in sorted({*needed, *there}):
        pair = _Pair(owner, key, observed.records.get(key), observed.deployments.get(key))
        stays = current is None or key in current or key in needed
        steps.append(
            pair.plan(needed.get(key), cluster, observed.resisting, now) if stays else pair.plan_removal()
        )
    return _together(steps)


@dataclass(frozen=True, slots=True)
class _Pair:
    """What one revision has."""

    owner: Function | FunctionVersion
    key: str
    record: _Object | None
    deployment: _Object | None

    def plan(
        self, revision: Revision | None, cluster: Cluster, resisting: Mapping[str, str], now: str
    ) -> Children:
        """Make what is missing and put back what was changed; `revision` is known where it is needed."""
        if blocked := self._blocked():
            return blocked
        if self.record is None:
            return self._without_record(revision, cluster)
        template = recorded_template(self.record, self.key)
        if template is None:
            # Nobody can change a record, so this one was put in the place of Funclet's.
            return Children(deletes=(self._name("ControllerRevision"),))
        manifest = deployment_manifest(self.owner, self.key, template)
        if self.deployment is None:
            return Children(creates=(at_zero(manifest),))
        return self._put_back(manifest, self.deployment, resisting, now)

    def plan_removal(self) -> Children:
        """Remove both once no instance is left."""
        if blocked := self._blocked():
            return blocked
        if self.deployment is not None and not is_idle(self.deployment):
            return Children()
        there = (("Deployment", self.deployment), ("ControllerRevision", self.record))
        return Children(deletes=tuple(self._name(kind) for kind, child in there if child is not None))

    def _blocked(self) -> Children | None:
        for kind, child in (("ControllerRevision", self.record), ("Deployment", self.deployment)):
            if child is None:
                continue
            if child["metadata"].get("deletionTimestamp") or self._is_predecessors(child):
                why = Unavailable(reasons.CHILD_LEAVING, f"{kind} {self.key} is being deleted")
                return Children(refused={self.key: why}, requeue_after=_LEAVING)
            if not _is_controlled(self.owner, child):
                message = (
                    f"{kind} {self.key} is there and not of this {self.owner.kind}; it is left alone: "
                    f"kubectl delete {kind.lower()} {self.key} -n {self.owner.metadata.namespace} makes room"
                )
                return Children(refused={self.key: Unavailable(reasons.NOT_OWNED, message)})
        return None

    def _is_predecessors(self, child: _Object) -> bool:
        """Whether the child belongs to an earlier owner of the same name, with which it goes."""
        reference = _controller(child)
        meta = self.owner.metadata
        return (
            reference is not None
            and (reference.get("kind"), reference.get("name")) == (self.owner.kind, meta.name)
            and str(reference.get("apiVersion")).partition("/")[0] == GROUP
            and reference.get("uid") != meta.uid
        )

    def _without_record(self, revision: Revision | None, cluster: Cluster) -> Children:
        """The record comes first, and is read back before anything is made from it."""
        if revision is None:
            return Children()
        rendered = pod_template(revision, cluster)
        running = self.deployment and checked_template(self.deployment["spec"].get("template"), self.key)
        template: _Object
        if isinstance(rendered, dict) and (not running or self._was_made_from(rendered)):
            template = rendered
        elif running:
            # The record was deleted, and another operator made it: what runs is what it said.
            template = running
        elif isinstance(rendered, Unavailable):
            return Children(refused={self.key: rendered})
        return Children(creates=(record_manifest(self.owner, revision, template),))

    def _was_made_from(self, template: _Object) -> bool:
        if self.deployment is None:
            return False
        annotations = self.deployment["metadata"].get("annotations") or {}
        same = annotations.get(TEMPLATE) == template_hash(template)
        return same or not differs(template, self.deployment["spec"].get("template"))

    def _put_back(
        self, manifest: _Object, deployment: _Object, resisting: Mapping[str, str], now: str
    ) -> Children:
        stranger = added_by(manifest, deployment)
        if stranger is None:
            if not differs(manifest, deployment):
                return Children()
            if self.key in resisting:
                wait = _REBUILD - _since(resisting[self.key], now)
                if wait > timedelta():
                    return Children(requeue_after=wait.total_seconds())
            event = _restored(f"Deployment {self.key} was changed, and is put back")
            return Children(applies=(_this(manifest, deployment),), events=(event,))
        wait = _REBUILD - _since(deployment["metadata"].get("creationTimestamp"), now)
        if wait > timedelta():
            return Children(requeue_after=wait.total_seconds())
        event = _restored(f"Deployment {self.key} was added to by {stranger}, and is made anew")
        return Children(deletes=(self._name("Deployment"),), events=(event,))

    def _name(self, kind: str) -> Key:
        return Key(kind, self.owner.metadata.namespace, self.key)


def _controller(child: _Object) -> _Object | None:
    references = child["metadata"].get("ownerReferences") or ()
    return next((reference for reference in references if reference.get("controller")), None)


def _is_controlled(owner: Function | FunctionVersion, child: _Object) -> bool:
    reference = _controller(child)
    return reference is not None and bool(owner.metadata.uid) and reference.get("uid") == owner.metadata.uid


def _this(manifest: _Object, deployment: _Object) -> _Object:
    """Apply to this very object: where it is gone, another would be made, with an instance that nobody asked for."""
    uid = deployment["metadata"].get("uid")
    return {**manifest, "metadata": {**manifest["metadata"], **({"uid": uid} if uid else {})}}


def _since(time: str | None, now: str) -> timedelta:
    return datetime.fromisoformat(now) - datetime.fromisoformat(time or now)


def _restored(message: str) -> Event:
    return Event("Normal", reasons.RESTORED, message)


def _together(steps: Iterable[Children]) -> Children:
    every = list(steps)
    waits = [step.requeue_after for step in every if step.requeue_after is not None]
    return Children(
        deletes=tuple(key for step in every for key in step.deletes),
        creates=tuple(manifest for step in every for manifest in step.creates),
        applies=tuple(manifest for step in every for manifest in step.applies),
        refused={key: why for step in every for key, why in step.refused.items()},
        events=tuple(event for step in every for event in step.events),
        requeue_after=min(waits, default=None),
    )
