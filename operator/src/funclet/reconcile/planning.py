"""From a key to a plan: gathers what the planner of the key's kind wants to know."""

from funclet.api.alias import Alias
from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.api.rules import InvalidObjectError
from funclet.kube.port import Object
from funclet.plan import reasons
from funclet.plan.admission import admitted
from funclet.plan.alias import plan_alias
from funclet.plan.conditions import Verdict, conditions, transition
from funclet.plan.function import plan_function
from funclet.plan.function_version import plan_version
from funclet.plan.observed import AliasObserved, CodeState, FunctionObserved, VersionObserved
from funclet.plan.plan import Key, Plan
from funclet.plan.revision import Platform
from funclet.plan.routes import Unavailable
from funclet.reconcile.sources import CodeSource, RevisionStates
from funclet.reconcile.world import World, read_status

#: one state of one object's spec: uid and generation
_Spec = tuple[str | None, int | None]


class Planning:
    """Asks the planners, and remembers what the code source said."""

    def __init__(
        self, world: World, platform: Platform, code_source: CodeSource, revision_states: RevisionStates
    ) -> None:
        self._code: dict[Key, tuple[_Spec, CodeState | Unavailable]] = {}
        self._world = world
        self._platform = platform
        self._code_source = code_source
        self._revision_states = revision_states

    async def plan(self, key: Key, now: str) -> Plan | None:
        """Plan for the object as it is now; None where there is none."""
        resource = self._world.resource(key)
        match resource:
            case None:
                self._code.pop(key, None)
                return None
            case InvalidObjectError():
                manifest = self._world.informer.get(key)
                return _unreadable(manifest, resource, now) if manifest is not None else None
            case Function():
                return plan_function(
                    resource, await self._around_function(key, resource), self._platform, now
                )
            case FunctionVersion():
                return plan_version(resource, await self._around_version(key, resource), self._platform, now)
            case Alias():
                return plan_alias(resource, self._around_alias(resource), self._platform, now)

    def known_code(self, resource: Function | FunctionVersion) -> CodeState | Unavailable | None:
        """Tell what the code source said of this very spec."""
        spec, state = self._code.get(_key(resource), (None, None))
        return state if spec == _spec(resource) else None

    async def _around_function(self, key: Key, function: Function) -> FunctionObserved:
        code = await self._find_code(key, function)
        namespace, name = key.namespace, key.name
        called = self._world.called(namespace, function.lambda_name)
        return FunctionObserved(
            code=code,
            versions=tuple(self._world.versions(namespace, name)),
            aliases=tuple(self._world.aliases(namespace, name)),
            rivals=tuple(other for other in called if other.metadata.name != name),
            revisions=self._revision_states.revisions(namespace, name),
        )

    async def _around_version(self, key: Key, version: FunctionVersion) -> VersionObserved:
        code = await self._find_code(key, version)
        namespace, function = key.namespace, version.spec.function
        return VersionObserved(
            function=self._world.function(namespace, function),
            code=code,
            rivals=tuple(
                other
                for other in self._world.versions(namespace, function)
                if other.spec.version == version.spec.version and other.metadata.name != key.name
            ),
            revisions=self._revision_states.revisions(namespace, function),
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


def _key(resource: Function | FunctionVersion) -> Key:
    return Key(resource.kind, resource.metadata.namespace, resource.metadata.name)


def _spec(resource: Function | FunctionVersion) -> _Spec:
    return (resource.metadata.uid, resource.metadata.generation)


def _unreadable(manifest: Object, error: InvalidObjectError, now: str) -> Plan:
    """Tell which fields cannot be understood; the API server normally refuses such an object."""
    verdict = Verdict("Stalled", reasons.INVALID_SPEC, "; ".join(map(str, error.problems)))
    before = read_status(manifest)
    generation = manifest["metadata"].get("generation")
    said = conditions(verdict, previous=before, generation=generation, now=now)
    dumped = [condition.model_dump(mode="json", exclude_none=True) for condition in said]
    status = {**(manifest.get("status") or {}), "observedGeneration": generation, "conditions": dumped}
    return Plan(status=status, events=transition(verdict, before))
