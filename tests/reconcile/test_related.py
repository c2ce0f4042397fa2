from typing import Any

import pytest

from funclet.kube.informer import Informer
from funclet.kube.objects import key_of
from funclet.local.kube.store import LocalKube
from funclet.plan.plan import Key
from funclet.reconcile.related import related
from funclet.reconcile.world import informer_for
from support.objects import alias_manifest, function_manifest, stored, version_manifest

FUNCTION = Key("Function", "default", "greet")
FIRST = Key("FunctionVersion", "default", "greet-by-hand-1")
SECOND = Key("FunctionVersion", "default", "greet-by-hand-2")
LIVE = Key("Alias", "default", "greet-live")


def world() -> Informer:
    """Make greet with two versions and an alias, a function that wants its name, and one that has nothing to do with it."""
    informer = informer_for(LocalKube())
    manifests = [
        function_manifest(),
        version_manifest(1),
        version_manifest(2),
        alias_manifest("live", "1"),
        function_manifest("rival", functionName="greet"),
        function_manifest("other"),
        version_manifest(1, "other"),
    ]
    for number, manifest in enumerate(manifests, 1):
        informer.put(stored(manifest, resourceVersion=str(number)))
    return informer


def changed(key: Key, **change: Any) -> set[Key]:
    informer = world()
    before = informer.get(key)
    assert before is not None
    after = {**before, **change}
    return related(key, before, after, informer.find)


def test_a_deleted_function_concerns_its_children_and_who_wants_its_name() -> None:
    informer = world()
    found = related(FUNCTION, informer.get(FUNCTION), None, informer.find)
    assert found == {FUNCTION, FIRST, SECOND, LIVE, Key("Function", "default", "rival")}


def test_a_new_version_concerns_its_function_and_the_aliases() -> None:
    informer = world()
    assert related(SECOND, None, informer.get(SECOND), informer.find) == {SECOND, FUNCTION, LIVE}


def test_a_changed_alias_concerns_its_function_and_the_other_aliases() -> None:
    manifest = stored(alias_manifest("live", "2"), generation=2)
    assert changed(LIVE, metadata=manifest["metadata"], spec=manifest["spec"]) == {LIVE, FUNCTION}


@pytest.mark.parametrize("status", [{"instances": 5, "observedGeneration": 1}, {"observedGeneration": 1}])
def test_a_count_of_instances_concerns_nobody_else(status: dict[str, Any]) -> None:
    informer = world()
    before = {**(informer.get(FUNCTION) or {}), "status": {"observedGeneration": 1}}
    assert related(FUNCTION, before, {**before, "status": status}, informer.find) == {FUNCTION}


def test_a_counter_that_moved_concerns_the_versions() -> None:
    assert SECOND in changed(FUNCTION, status={"lastVersion": 3})


@pytest.mark.parametrize("spec", [None, {}, {"function": 7}, {"function": ["a"]}, []])
def test_an_object_without_a_function_concerns_itself_alone(spec: Any) -> None:
    manifest = {**stored(alias_manifest("x", "1"), resourceVersion="99"), "spec": spec}
    informer = world()
    informer.put(manifest)
    key = key_of(manifest)
    assert related(key, None, manifest, informer.find) == {key}
