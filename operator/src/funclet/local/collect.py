"""What a set of manifests asks for, and everything that is wrong with it: a function of their documents."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from funclet.api.base import API_VERSION
from funclet.api.rules import Problem, validate
from funclet.local.manifests import Manifest
from funclet.plan.plan import Key
from funclet.reconcile.world import KINDS

NAMESPACE = "default"


@dataclass(slots=True)
class Collected:
    """`objects` can be applied; `described` has them and the wrong ones, whose objects stay as they are."""

    objects: dict[Key, Manifest] = field(default_factory=dict)
    described: set[Key] = field(default_factory=set)
    #: sentences that name the place, the object and the field
    problems: list[str] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)


def collect(manifests: Iterable[Manifest]) -> Collected:
    """Sort out what can be applied; every wrong field of every object is told."""
    collected = Collected()
    places: dict[Key, str] = {}
    for manifest in manifests:
        if manifest.body.get("apiVersion") != API_VERSION and manifest.body.get("kind") not in KINDS:
            kind = manifest.body.get("kind", "an object without a kind")
            collected.passed_over.append(
                f"{manifest.place}: {kind} is passed over; local mode runs {API_VERSION}"
            )
            continue
        key = key_as_written(manifest.body)
        problems = [*validate(manifest.body, unknown="refuse"), *_local(key, places.get(key))]
        collected.described.add(key)
        collected.problems += [manifest.told(problem.path, problem.message) for problem in problems]
        if not problems:
            places[key] = manifest.place
            collected.objects[key] = manifest
    return collected


def _local(key: Key, other: str | None) -> Iterable[Problem]:
    if key.namespace != NAMESPACE:
        yield Problem("metadata.namespace", f"local mode has one namespace, {NAMESPACE}")
    if other:
        yield Problem("metadata.name", f"{other} describes this {key.kind} already")


def key_as_written(body: Mapping[str, Any]) -> Key:
    """The key that a manifest means, however wrong the manifest is; for objects in the store see kube.objects."""
    metadata = body.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    return Key(str(body.get("kind")), str(metadata.get("namespace") or NAMESPACE), str(metadata.get("name")))
