"""A namespace with records and Deployments, in which plans for children are carried out as an API server would."""

import copy
from collections.abc import Mapping
from typing import Any

from funclet.plan.children import Children, ChildrenObserved, needed, plan_children
from funclet.plan.plan import Key
from support.objects import NOW
from support.rendering import cluster, on_cluster, revision_of

Object = dict[str, Any]


def with_defaults(manifest: Mapping[str, Any]) -> Object:
    """The manifest as an API server stores it: with what nobody asked for."""
    stored: Object = copy.deepcopy(dict(manifest))
    if manifest["kind"] != "Deployment":
        return stored
    stored["spec"].setdefault("replicas", 1)
    pod = stored["spec"]["template"]["spec"]
    pod |= {"restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler"}
    for container in pod["containers"]:
        container["terminationMessagePath"] = "/dev/termination-log"
        container["readinessProbe"]["successThreshold"] = 1
        container["readinessProbe"]["httpGet"]["scheme"] = "HTTP"
    return stored


class Namespace:
    """Children of one Function's $LATEST; `wanted` is what gateways want."""

    def __init__(self, *, min_instances: int = 0, **spec: Any) -> None:
        self.function = on_cluster(scaling={"min": min_instances}, **spec)
        self.revision = revision_of(self.function)
        self.objects: dict[Key, Object] = {}
        self.current: set[str] | None = {self.revision.key}
        self.wanted: set[str] = set()
        self.now = NOW
        self.platform: dict[str, Any] = {}
        self.resisting: dict[str, str] = {}

    @property
    def record(self) -> Object:
        """The record of $LATEST."""
        return self.objects[Key("ControllerRevision", "default", self.revision.key)]

    @property
    def deployment(self) -> Object:
        """The Deployment of $LATEST."""
        return self.objects[Key("Deployment", "default", self.revision.key)]

    def kinds(self) -> list[str]:
        """What is there."""
        return sorted(key.kind for key in self.objects)

    def plan(self) -> Children:
        """Plan for what is there."""
        status = self.function.status.model_copy(update={"wanted": dict.fromkeys(self.wanted, "now")})
        owner = self.function.model_copy(update={"status": status})
        described = (self.revision,) if self.current is None or self.revision.key in self.current else ()
        return plan_children(
            owner,
            needed(owner, described, self.revision.key),
            self.current,
            ChildrenObserved(self._named("ControllerRevision"), self._named("Deployment"), self.resisting),
            cluster(**self.platform),
            self.now,
        )

    def carry_out(self, plan: Children) -> None:
        """Do what the plan says, in the loop's order."""
        for key in plan.deletes:
            del self.objects[key]
        for manifest in plan.creates:
            assert self._key(manifest) not in self.objects
            self.objects[self._key(manifest)] = with_defaults(manifest)
        for manifest in plan.applies:
            assert "replicas" not in manifest["spec"]
            there = self.objects[self._key(manifest)]
            scale = there["spec"]["replicas"]
            self.objects[self._key(manifest)] = merged(there, with_defaults(manifest))
            self.objects[self._key(manifest)]["spec"]["replicas"] = scale

    def settle(self) -> list[Children]:
        """Plan and carry out until nothing is left to do; gives the plans that did something."""
        done: list[Children] = []
        for _ in range(6):
            plan = self.plan()
            if not (plan.creates or plan.applies or plan.deletes):
                return done
            self.carry_out(plan)
            done.append(plan)
        raise AssertionError("the plans never come to rest")

    def _named(self, kind: str) -> dict[str, Object]:
        return {key.name: child for key, child in self.objects.items() if key.kind == kind}

    @staticmethod
    def _key(manifest: Mapping[str, Any]) -> Key:
        return Key(manifest["kind"], manifest["metadata"]["namespace"], manifest["metadata"]["name"])


def merged(there: Any, applied: Any) -> Any:
    """What an apply leaves: values of the manifest, and what was there beside them. Lists are taken whole."""
    if isinstance(there, dict) and isinstance(applied, dict):
        return {**there, **{name: merged(there.get(name), value) for name, value in applied.items()}}
    return copy.deepcopy(applied)
