"""Objects for tests, and a store of plain values that carries out plans as the loop does."""

import copy
from collections.abc import Mapping
from typing import Any

from funclet.api.alias import Alias
from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.api.rules import parse, validate
from funclet.plan.admission import admitted
from funclet.plan.alias import plan_alias
from funclet.plan.function import plan_function
from funclet.plan.function_version import plan_version
from funclet.plan.observed import AliasObserved, CodeState, FunctionObserved, RevisionState, VersionObserved
from funclet.plan.plan import Key, Plan
from funclet.plan.revision import Platform, ResolvedRuntime
from funclet.plan.routes import Unavailable

API = "funclet.dev/v1alpha1"
NOW = "2026-01-02T03:04:05Z"
SHA = "a" * 64
CODE = CodeState(SHA)
CodeFound = CodeState | Unavailable
PYTHON = ResolvedRuntime("python3.11", "local:1111")
PLATFORM = Platform(
    "123456789012",
    "us-east-1",
    {"python3.11": PYTHON, "python": PYTHON, "provided": ResolvedRuntime("provided", "local:2")},
)


def function_manifest(name: str = "greet", **spec: Any) -> dict[str, Any]:
    """A Function as a user writes it."""
    return {
        "apiVersion": API,
        "kind": "Function",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "runtime": "python3.11",
            "handler": "app.handler",
            "code": {"inline": {"app.py": "x"}},
            **spec,
        },
    }


def version_manifest(number: int, function: str = "greet", **spec: Any) -> dict[str, Any]:
    """A FunctionVersion as a user writes it."""
    return {
        "apiVersion": API,
        "kind": "FunctionVersion",
        "metadata": {"name": f"{function}-by-hand-{number}", "namespace": "default"},
        "spec": {
            "function": function,
            "version": str(number),
            "runtime": "python3.11",
            "handler": "app.handler",
            "code": {"inline": {"app.py": "x"}},
            "codeSha256": SHA,
            "runtimeDigest": "local:1111",
            **spec,
        },
    }


def alias_manifest(name: str, version: str, function: str = "greet", **spec: Any) -> dict[str, Any]:
    """An Alias as a user writes it."""
    return {
        "apiVersion": API,
        "kind": "Alias",
        "metadata": {"name": f"{function}-{name}", "namespace": "default"},
        "spec": {"function": function, "name": name, "version": version, **spec},
    }


def stored(manifest: Mapping[str, Any], *, created: str = NOW, **metadata: Any) -> dict[str, Any]:
    """The manifest as the API server gives it back."""
    system = {"uid": f"uid-{manifest['metadata']['name']}", "generation": 1, "creationTimestamp": created}
    merged = {**system, **manifest["metadata"], **metadata}
    return {**copy.deepcopy(dict(manifest)), "metadata": merged}


def function(
    name: str = "greet", *, status: Mapping[str, Any] | None = None, created: str = NOW, **spec: Any
) -> Function:
    """A stored Function that has been seen before."""
    seen = {"observedGeneration": 1, **(status or {})}
    found = parse(
        {**stored(function_manifest(name, **spec), created=created), "status": seen}, unknown="refuse"
    )
    assert isinstance(found, Function)
    return found


def version(
    number: int, *, status: Mapping[str, Any] | None = None, made: bool = False, **spec: Any
) -> FunctionVersion:
    """A stored FunctionVersion that has been seen before; `made` by Funclet for the Function greet."""
    manifest = stored(version_manifest(number, **spec))
    if made:
        owner = {
            "apiVersion": API,
            "kind": "Function",
            "name": "greet",
            "uid": "uid-greet",
            "controller": True,
        }
        manifest["metadata"]["ownerReferences"] = [owner]
    found = parse({**manifest, "status": {"observedGeneration": 1, **(status or {})}}, unknown="refuse")
    assert isinstance(found, FunctionVersion)
    return found


def alias(name: str, to: str, *, created: str = NOW, **spec: Any) -> Alias:
    """A stored Alias that has been seen before."""
    manifest = stored(alias_manifest(name, to, **spec), created=created)
    found = parse({**manifest, "status": {"observedGeneration": 1}}, unknown="refuse")
    assert isinstance(found, Alias)
    return found


def said(plan: Plan, type_: str = "Ready") -> tuple[str, str]:
    """Status and reason of a condition in the plan's status."""
    assert plan.status is not None
    found = next(each for each in plan.status["conditions"] if each["type"] == type_)
    return found["status"], found["reason"]


class PlainStore:
    """Carries out plans on a dictionary. Nothing waits and nothing fails."""

    def __init__(self) -> None:
        self.objects: dict[Key, dict[str, Any]] = {}
        self.states: dict[str, RevisionState] = {}
        self.code: CodeFound = CODE
        self._ticks = 0

    def apply(self, manifest: Mapping[str, Any]) -> Key:
        """Apply, with the whole spec replaced."""
        key = Key(manifest["kind"], "default", manifest["metadata"]["name"])
        old = self.objects.get(key)
        if old is None:
            self._ticks += 1
            created = f"2026-01-01T00:{self._ticks // 60 % 60:02}:{self._ticks % 60:02}Z"
            new = stored(manifest, created=created, uid=f"uid-{self._ticks}")
        else:
            new = {**old, "metadata": {**old["metadata"], **manifest["metadata"]}}
            if "spec" in manifest and manifest["spec"] != old["spec"]:
                new["spec"] = copy.deepcopy(manifest["spec"])
                new["metadata"]["generation"] = old["metadata"]["generation"] + 1
        assert validate(new, old, unknown="refuse") == ()
        self.objects[key] = new
        return key

    def delete(self, key: Key) -> None:
        """Delete with what it owns."""
        uid = self.objects.pop(key)["metadata"]["uid"]
        for child, manifest in list(self.objects.items()):
            if any(each["uid"] == uid for each in manifest["metadata"].get("ownerReferences", ())):
                self.delete(child)

    def carry_out(self, key: Key, plan: Plan) -> bool:
        """Do what the plan says; whether anything changed."""
        before = copy.deepcopy(self.objects)
        for gone in plan.deletes:
            self.delete(gone)
        if plan.status_before is not None:
            self.objects[key]["status"] = dict(plan.status_before)
        for manifest in plan.applies:
            self.apply(manifest)
        if plan.status is not None:
            self.objects[key]["status"] = dict(plan.status)
            assert validate(self.objects[key], unknown="refuse") == ()
        return self.objects != before

    def plan(self, key: Key, now: str = NOW) -> Plan:
        """Plan for one object as it is now."""
        resource = parse(self.objects[key], unknown="refuse")
        match resource:
            case Function():
                return plan_function(resource, self._around_function(resource), PLATFORM, now)
            case FunctionVersion():
                of = self._function(resource.spec.function)
                return plan_version(
                    resource, VersionObserved(of, CodeState(resource.spec.code_sha256)), PLATFORM, now
                )
            case Alias():
                return plan_alias(resource, self._around_alias(resource), PLATFORM, now)

    def settle(self, limit: int = 30) -> list[tuple[Key, Plan]]:
        """Plan and carry out for every object until nothing changes; gives the plans that changed something."""
        done = []
        for _ in range(limit):
            changed = False
            for key in sorted(self.objects):
                if key in self.objects:
                    plan = self.plan(key)
                    if self.carry_out(key, plan):
                        changed = True
                        done.append((key, plan))
            if not changed:
                return done
        raise AssertionError("the plans never come to rest")

    def versions(self, function_name: str = "greet") -> list[FunctionVersion]:
        """The versions of a function."""
        found = [
            parse(each, unknown="refuse")
            for key, each in self.objects.items()
            if key.kind == "FunctionVersion"
        ]
        return [
            each
            for each in found
            if isinstance(each, FunctionVersion) and each.spec.function == function_name
        ]

    def aliases(self, function_name: str = "greet") -> list[Alias]:
        """The aliases of a function."""
        found = [parse(each, unknown="refuse") for key, each in self.objects.items() if key.kind == "Alias"]
        return [each for each in found if isinstance(each, Alias) and each.spec.function == function_name]

    def _function(self, name: str) -> Function | None:
        manifest = self.objects.get(Key("Function", "default", name))
        found = parse(manifest, unknown="refuse") if manifest is not None else None
        return found if isinstance(found, Function) else None

    def _around_function(self, resource: Function) -> FunctionObserved:
        name = resource.metadata.name
        code = self.code if resource.status.observed_generation is not None else None
        return FunctionObserved(
            code=code,
            versions=tuple(self.versions(name)),
            aliases=tuple(self.aliases(name)),
            revisions=self.states,
        )

    def _around_alias(self, resource: Alias) -> AliasObserved:
        of = self._function(resource.spec.function)
        numbers = admitted(self.versions(resource.spec.function), of) if of is not None else {}
        return AliasObserved(of, frozenset(map(str, numbers)))
