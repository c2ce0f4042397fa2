from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.local.kube.fields import Owners, _leaves, merge, replace


def apply(steps: list[tuple[str, dict[str, Any]]]) -> tuple[dict[str, Any], Owners]:
    live: dict[str, Any] = {}
    owners: Owners = {}
    for manager, spec in steps:
        live, owners = merge(live, owners, {"spec": spec}, manager)
    return live.get("spec", {}), owners


@pytest.mark.parametrize(
    ("steps", "spec"),
    [
        ([("a", {"x": 1, "y": 2}), ("a", {"x": 1})], {"x": 1}),
        ([("a", {"x": 1}), ("b", {"y": 2}), ("a", {"z": 3})], {"y": 2, "z": 3}),
        ([("a", {"x": 1}), ("b", {"x": 2})], {"x": 2}),
        ([("a", {"x": 1}), ("b", {"x": 2}), ("a", {})], {"x": 2}),
        ([("a", {"x": 1}), ("b", {"x": 1}), ("a", {})], {"x": 1}),
        ([("a", {"x": 1}), ("b", {"x": 1}), ("a", {}), ("b", {})], {}),
        ([("a", {"m": {"k": 1}}), ("b", {"m": {"l": 2}}), ("a", {})], {"m": {"l": 2}}),
        ([("a", {"m": {"k": {"l": 1}}}), ("a", {"n": 1})], {"n": 1}),
        ([("a", {"m": {"k": 1}}), ("b", {"m": 5}), ("a", {})], {"m": 5}),
        ([("a", {"m": 5}), ("b", {"m": {"k": 1}}), ("a", {})], {"m": {"k": 1}}),
        ([("a", {"l": [1, 2]}), ("b", {"l": [3]})], {"l": [3]}),
        ([("a", {"m": {}})], {"m": {}}),
        ([("a", {"m": {"k": 1}}), ("b", {"m": {}})], {"m": {"k": 1}}),
    ],
    ids=[
        "what a manager leaves out goes",
        "what another applied stays",
        "the latest wins",
        "who lost a field does not remove it",
        "a shared field stays for the other",
        "a shared field goes with the last",
        "maps are merged",
        "an emptied map goes",
        "a map becomes a value",
        "a value becomes a map",
        "a list is one field",
        "an empty map is kept",
        "an empty map empties nothing",
    ],
)
def test_fields_belong_to_who_applied_them(
    steps: list[tuple[str, dict[str, Any]]], spec: dict[str, Any]
) -> None:
    assert apply(steps)[0] == spec


specs = st.recursive(
    st.integers(0, 3) | st.lists(st.integers(0, 1), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3),
    max_leaves=5,
)
maps = st.dictionaries(st.sampled_from("abc"), specs, max_size=3)
steps_of = st.lists(st.tuples(st.sampled_from(["one", "two"]), maps), max_size=6)


def holds(spec: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(spec, dict) and all(
            name in spec and holds(spec[name], each) for name, each in wanted.items()
        )
    return bool(spec == wanted)


@given(steps_of, maps)
def test_after_an_apply_everything_applied_holds(
    steps: list[tuple[str, dict[str, Any]]], last: dict[str, Any]
) -> None:
    assert holds(apply([*steps, ("one", last)])[0], last)


@given(steps_of, maps)
def test_applying_again_changes_nothing(
    steps: list[tuple[str, dict[str, Any]]], last: dict[str, Any]
) -> None:
    once = [*steps, ("one", last)]
    assert apply(once) == apply([*once, ("one", last)])


@given(steps_of)
def test_when_every_manager_lets_go_nothing_is_left(steps: list[tuple[str, dict[str, Any]]]) -> None:
    assert apply([*steps, ("one", {}), ("two", {})])[0] == {}


def test_owner_references_of_two_managers_stand_side_by_side() -> None:
    first, second = {"uid": "1", "name": "a"}, {"uid": "2", "name": "b"}
    live, owners = merge({}, {}, {"metadata": {"ownerReferences": [first]}}, "a")
    live, owners = merge(live, owners, {"metadata": {"ownerReferences": [second]}}, "b")
    assert live["metadata"]["ownerReferences"] == [first, second]
    live, _ = merge(live, owners, {"metadata": {}}, "a")
    assert live["metadata"]["ownerReferences"] == [second]


def test_status_and_what_the_server_writes_are_not_applied() -> None:
    manifest = {
        "kind": "X",
        "status": {"a": 1},
        "metadata": {"uid": "u", "resourceVersion": "7", "labels": {"a": "b"}},
    }
    assert merge({}, {}, manifest, "a")[0] == {"metadata": {"labels": {"a": "b"}}}


BASE: dict[str, Any] = {"metadata": {"name": "x", "generation": 3}, "status": {"ready": 1}}
NOBODY: Owners = {}
Step = tuple[str, str, dict[str, Any]]


def carry_out(steps: list[Step]) -> tuple[dict[str, Any], Owners]:
    live, owners = BASE, NOBODY
    for verb, manager, spec in steps:
        change = merge if verb == "apply" else replace
        live, owners = change(live, owners, {"metadata": {"name": "y"}, "spec": spec}, manager)
    return live, owners


@pytest.mark.parametrize(
    ("steps", "spec"),
    [
        ([("apply", "a", {"x": 1}), ("replace", "b", {"y": 2})], {"y": 2}),
        (
            [("apply", "a", {"x": 1}), ("replace", "b", {"x": 1, "y": 2}), ("apply", "a", {"z": 3})],
            {"y": 2, "z": 3},
        ),
        ([("apply", "a", {"x": 1}), ("replace", "b", {"x": 2}), ("apply", "a", {"z": 3})], {"x": 2, "z": 3}),
        ([("replace", "a", {"x": 1}), ("apply", "a", {"z": 3})], {"x": 1, "z": 3}),
        ([("replace", "a", {"x": 1}), ("apply", "b", {"x": 2}), ("apply", "b", {"z": 3})], {"z": 3}),
        (
            [("apply", "a", {"m": {"k": 1}}), ("replace", "b", {"m": {"k": 1, "l": 2}}), ("apply", "a", {})],
            {"m": {"l": 2}},
        ),
        ([("apply", "a", {"m": {"k": 1}}), ("replace", "b", {"m": {}})], {"m": {}}),
        ([("apply", "a", {"l": [1, 2]}), ("replace", "b", {"l": [2]}), ("apply", "a", {})], {"l": [2]}),
    ],
    ids=[
        "what is left out goes, whoever applied it",
        "what stays as it was stays with whoever applied it",
        "what changes is the replacer's",
        "what one replaced one does not lose by applying",
        "what another applies over it is the other's",
        "a map is divided",
        "a map can be emptied",
        "a list is one field",
    ],
)
def test_a_replaced_field_belongs_to_who_changed_it(steps: list[Step], spec: dict[str, Any]) -> None:
    assert carry_out(steps)[0]["spec"] == spec


verbs = st.lists(
    st.tuples(st.sampled_from(["apply", "replace"]), st.sampled_from(["one", "two"]), maps), max_size=6
)


@given(verbs, maps)
def test_after_a_replace_the_spec_is_what_was_said_and_the_rest_is_as_it_was(
    steps: list[Step], last: dict[str, Any]
) -> None:
    live, owners = carry_out([*steps, ("replace", "one", last)])
    assert live == {**BASE, "spec": last} or (not last and live == BASE)
    assert carry_out([*steps, ("replace", "one", last), ("replace", "two", last)]) == (live, owners)


@given(verbs)
def test_every_field_belongs_to_somebody(steps: list[Step]) -> None:
    live, owners = carry_out(steps)
    owned = {path for paths in owners.values() for path in paths}
    assert {path for path, _ in _leaves({"spec": live.get("spec", {})}) if path != ("spec",)} <= owned
