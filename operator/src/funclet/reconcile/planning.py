"""From a key to a plan: gathers what the planner of the key's kind wants to know."""

from collections.abc import Mapping
from dataclasses import replace

from funclet.api.alias import Alias
from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.api.rules import InvalidObjectError
from funclet.plan import reasons
from funclet.plan.admission import admitted
from funclet.plan.alias import plan_alias
from funclet.plan.children import Children
from funclet.plan.function import plan_function
from funclet.plan.function_version import plan_version
from funclet.plan.observed import AliasObserved, CodeState, FunctionObserved, RevisionState, VersionObserved
from funclet.plan.plan import Key, Plan
from funclet.plan.refusals import Refusals
from funclet.plan.revision import Platform, Revision
from funclet.plan.revisions import latest_revision, version_revision
from funclet.plan.routes import Unavailable
from funclet.reconcile.children import ChildrenKeeper
from funclet.reconcile.invalid import plan_invalid, plan_unreadable
from funclet.reconcile.sources import CodeSource, RevisionStates
from funclet.reconcile.world import World

#: one state of one object's spec: uid and generation
_Spec = tuple[str | None, int | None]


class Planning:
    """Asks the planners, and remembers what the code source said."""

    def __init__(
        self,
        world: World,
        platform: Platform,
        code_source: CodeSource,
        revision_states: RevisionStates,
        children: ChildrenKeeper | None = None,
    ) -> None:
        """`children`: on a cluster, where revisions have Deployments."""
        self._children = children
        self._code: dict[Key, tuple[_Spec, CodeState | Unavailable]] = {}
        self._world = world
        self._platform = platform
        self._code_source = code_source
        self._revision_states = revision_states

    async def plan(self, key: Key, now: str, refused: Refusals) -> Plan | None:
        """Plan for the object as it is now; None where there is none. `refused`: what is not tried again yet."""
        resource = self._world.resource(key)
        match resource:
            case None:
                self._code.pop(key, None)
                if self._children is not None:
                    self._children.forget(key)
                return None
            case InvalidObjectError():
                return await self._invalid(key, resource, now)
            case Function():
                code = await self._find_code(key, resource)
                latest = latest_revision(resource, code, self._platform)
                children = self._function_children(resource, latest, now)
                observed = replace(self._around_function(key, resource, code, now), refused=refused)
                return with_children(plan_function(resource, observed, self._platform, now), children)
            case FunctionVersion():
                code = await self._find_code(key, resource)
                children = self._version_children(resource, code, now)
                version = replace(self._around_version(key, resource, code, now), refused=refused)
                return with_children(plan_version(resource, version, self._platform, now), children)
            case Alias():
                return plan_alias(resource, self._around_alias(resource), self._platform, now)

    def known_code(self, resource: Function | FunctionVersion) -> CodeState | Unavailable | None:
        """Tell what the code source said of this very spec."""
        spec, state = self._code.get(_key(resource), (None, None))
        return state if spec == _spec(resource) else None

    async def _invalid(self, key: Key, error: InvalidObjectError, now: str) -> Plan | None:
        """What was served goes on being served, and has its children; nothing new comes of a broken spec."""
        manifest, resource = self._world.informer.get(key), self._world.readable(key)
        if manifest is None:
            return None
        if resource is None:
            return plan_unreadable(error, manifest, now)
        if isinstance(resource, Alias):
            return plan_invalid(error, resource, {}, now)
        code = await self._find_code(key, resource)
        if isinstance(resource, FunctionVersion):
            states = self._states(key.namespace, resource.spec.function, now)
            instances = states.get(resource.status.revision or "", RevisionState()).instances
            children = self._version_children(resource, code, now)
            return with_children(plan_invalid(error, resource, {"instances": instances}, now), children)
        latest = self._served(resource, latest_revision(resource, code, self._platform))
        states = self._states(key.namespace, key.name, now)
        fields = {
            "instances": sum(state.instances for state in states.values()),
            "latest_revision": latest.key if isinstance(latest, Revision) else None,
        }
        children = self._function_children(resource, latest, now)
        return with_children(plan_invalid(error, resource, fields, now), children)

    def admissible(self, function: Function, latest: Revision | Unavailable) -> Revision | Unavailable:
        """Give what this $LATEST may serve: all of a sound spec, of a broken one what it served before."""
        error = self._world.resource(_key(function))
        if not isinstance(error, InvalidObjectError):
            return latest
        return self._served(function, latest)

    @staticmethod
    def _served(function: Function, latest: Revision | Unavailable) -> Revision | Unavailable:
        if isinstance(latest, Revision) and latest.key == function.status.serving_revision:
            return latest
        return Unavailable(reasons.INVALID_SPEC, "the spec breaks a rule; its status says which")

    def _function_children(self, function: Function, latest: Revision | Unavailable, now: str) -> Children:
        if self._children is None:
            return Children()
        revisions = [latest] if isinstance(latest, Revision) else []
        serving = function.status.serving_revision
        # Where nobody knows what is current, everything stays.
        current = {*(each.key for each in revisions), *([serving] if serving else ())} if revisions else None
        return self._children.plan(
            function,
            revisions,
            serving=serving,
            current=current,
            informer=self._world.informer,
            now=now,
        )

    def _version_children(
        self, version: FunctionVersion, code: CodeState | Unavailable | None, now: str
    ) -> Children:
        function = self._world.function(version.metadata.namespace, version.spec.function)
        if self._children is None or function is None:
            return Children()
        revision = version_revision(version, function, code, self._platform)
        revisions = [revision] if isinstance(revision, Revision) else []
        return self._children.plan(
            version,
            revisions,
            serving=None,
            current={each.key for each in revisions} if revisions else None,
            informer=self._world.informer,
            now=now,
        )

    def _states(self, namespace: str, function: str, now: str) -> Mapping[str, RevisionState]:
        if self._children is None:
            return self._revision_states.revisions(namespace, function)
        return self._children.states(namespace, function, self._world.informer, now)

    def _around_function(
        self, key: Key, function: Function, code: CodeState | Unavailable | None, now: str
    ) -> FunctionObserved:
        namespace, name = key.namespace, key.name
        called = self._world.called(namespace, function.lambda_name)
        return FunctionObserved(
            code=code,
            versions=tuple(self._world.versions(namespace, name)),
            aliases=tuple(self._world.aliases(namespace, name)),
            rivals=tuple(other for other in called if other.metadata.name != name),
            revisions=self._states(namespace, name, now),
        )

    def _around_version(
        self, key: Key, version: FunctionVersion, code: CodeState | Unavailable | None, now: str
    ) -> VersionObserved:
        namespace, function = key.namespace, version.spec.function
        return VersionObserved(
            function=self._world.function(namespace, function),
            code=code,
            rivals=tuple(
                other
                for other in self._world.versions(namespace, function)
                if other.spec.version == version.spec.version and other.metadata.name != key.name
            ),
            revisions=self._states(namespace, function, now),
        )

    def _around_alias(self, alias: Alias) -> AliasObserved:
        namespace, name = alias.metadata.namespace, alias.spec.function
        function = self._world.function(namespace, name)
        versions = self._world.versions(namespace, name)
        return AliasObserved(
            function=function,
            versions=frozenset(str(number) for number in admitted(versions, function))
            if function
            else frozenset(),
            rivals=tuple(
                other
                for other in self._world.aliases(namespace, name)
                if other.spec.name == alias.spec.name and other.metadata.name != alias.metadata.name
            ),
        )

    async def _find_code(
        self, key: Key, resource: Function | FunctionVersion
    ) -> CodeState | Unavailable | None:
        if resource.status.observed_generation is None:
            # The first sight is told before anything that may take long.
            return None
        state = await self._code_source.code(key.namespace, resource.spec.code)
        self._code[key] = (_spec(resource), state)
        return state


def with_children(plan: Plan, children: Children) -> Plan:
    """Add what is to be done about children."""
    waits = [wait for wait in (plan.requeue_after, children.requeue_after) if wait is not None]
    return replace(
        plan,
        deletes=(*plan.deletes, *children.deletes),
        creates=(*plan.creates, *children.creates),
        applies=(*plan.applies, *children.applies),
        events=(*plan.events, *children.events),
        requeue_after=min(waits, default=None),
    )


def _key(resource: Function | FunctionVersion) -> Key:
    return Key(resource.kind, resource.metadata.namespace, resource.metadata.name)


def _spec(resource: Function | FunctionVersion) -> _Spec:
    return (resource.metadata.uid, resource.metadata.generation)
