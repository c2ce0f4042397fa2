"""An object that breaks a rule although it is stored: a laptop's files may be older than its rules."""

from pathlib import Path
from typing import Any

import pytest

from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.kube.informer import Informer
from funclet.local.kube.store import LocalKube
from funclet.plan import reasons
from funclet.plan.plan import Key
from funclet.plan.revision import Revision
from funclet.plan.routes import LATEST, Unavailable
from funclet.reconcile.loop import Reconciler
from funclet.reconcile.reading import read_leniently
from funclet.reconcile.sources import BlobCode
from funclet.reconcile.world import World, informer_for
from funclet.store.blobs import DirectoryBlobs
from support.kubes import until
from support.objects import PLATFORM, alias_manifest, function_manifest, stored, version_manifest
from support.reconcilers import at_work

GREET = Key("Function", "default", "greet")


def known(*manifests: dict[str, Any]) -> Informer:
    informer = informer_for(LocalKube())
    for number, manifest in enumerate(manifests, 1):
        informer.put(stored(manifest, resourceVersion=str(number)))
    return informer


@pytest.mark.parametrize(
    ("spec", "left"),
    [
        ({"handler": "../x"}, {"handler": "../x"}),
        ({"timeout": "1d"}, {"timeout": "3s"}),
        ({"timeout": "20m"}, {"timeout": "20m"}),
        ({"memory": "lots"}, {"memory": "128Mi"}),
        ({"memory": {"much": 1}}, {"memory": "128Mi"}),
        ({"ephemeralStorage": 5}, {"ephemeral_storage": "5"}),
        ({"description": 5, "keepVersions": 0}, {"description": "", "keep_versions": None}),
        ({"environment": {"A": 5, "B": "b"}}, {"environment": {}}),
    ],
    ids=str,
)
def test_a_broken_spec_is_read_as_far_as_it_means_something(
    spec: dict[str, Any], left: dict[str, Any]
) -> None:
    found = read_leniently(stored(function_manifest(**spec)))
    assert isinstance(found, Function)
    assert {name: getattr(found.spec, name) for name in left} == left


def test_an_idle_time_that_is_none_counts_as_not_given() -> None:
    found = read_leniently(stored(function_manifest(scaling={"min": 3, "idle": "for ever"})))
    assert isinstance(found, Function)
    assert found.spec.scaling.idle == "5m"


@pytest.mark.parametrize("spec", [None, {}, [], {"code": 5}, "text"], ids=str)
def test_a_spec_without_code_is_not_read(spec: Any) -> None:
    assert read_leniently({**stored(function_manifest()), "spec": spec}) is None


@pytest.mark.parametrize("number", ["", "one", "0", "01", "1" * 20])
def test_a_version_without_a_number_is_not_read(number: str) -> None:
    manifest = stored(version_manifest(1))
    manifest["spec"]["version"] = number
    assert read_leniently(manifest) is None


def test_children_of_a_broken_function_still_find_it() -> None:
    world = World(
        known(
            function_manifest(handler="../x"),
            version_manifest(1, handler="../x"),
            alias_manifest("live", "1"),
        )
    )
    assert isinstance(world.function("default", "greet"), Function)
    assert [type(each) for each in world.versions("default", "greet")] == [FunctionVersion]
    assert [each.metadata.name for each in world.called("default", "greet")] == ["greet"]


async def test_the_route_of_a_function_that_turns_out_broken_stays_what_it_was(tmp_path: Path) -> None:
    kube = LocalKube()
    loop = Reconciler(kube, PLATFORM, BlobCode(DirectoryBlobs(tmp_path)))
    async with at_work(loop):
        await kube.apply(function_manifest(publish="Auto"), manager="user")
        await until(lambda: "1" in numbers(loop) and loop.idle)
        before = loop.routes["default", "greet"]
        assert isinstance(before.versions[LATEST], Revision)
        manifest = await kube.get(GREET)
        metadata = {**manifest["metadata"], "resourceVersion": "9999", "generation": 2}
        loop.informer.put({**manifest, "metadata": metadata, "spec": {**manifest["spec"], "handler": "../x"}})
        await until(lambda: said(kube) == reasons.INVALID_SPEC and loop.idle)
        assert loop.routes["default", "greet"].versions == before.versions


async def test_a_function_that_was_never_sound_cannot_be_called_and_says_why(tmp_path: Path) -> None:
    kube = LocalKube()
    loop = Reconciler(kube, PLATFORM, BlobCode(DirectoryBlobs(tmp_path)))
    async with at_work(loop):
        await until(loop.informer.synced.is_set)
        loop.informer.put(stored(function_manifest(handler="../x"), resourceVersion="9999"))
        await until(lambda: ("default", "greet") in loop.routes and loop.idle)
        refused = loop.routes["default", "greet"].versions[LATEST]
    assert isinstance(refused, Unavailable)
    assert refused.reason == reasons.INVALID_SPEC


def numbers(loop: Reconciler) -> set[str]:
    route = loop.routes.get(("default", "greet"))
    return set(route.versions) if route is not None else set()


def said(kube: LocalKube) -> str | None:
    conditions = kube.table.live(GREET).object.get("status", {}).get("conditions", ())
    return next((each["reason"] for each in conditions if each["type"] == "Ready"), None)
