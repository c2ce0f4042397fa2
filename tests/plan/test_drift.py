import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.plan.deployment import deployment_manifest
from funclet.plan.drift import added_by, differs
from support.children import with_defaults
from support.rendering import on_cluster, revision_of, template

FUNCTION = on_cluster()
KEY = revision_of(FUNCTION).key
WANTED = deployment_manifest(FUNCTION, KEY, template(revision_of(FUNCTION)))

trees = st.recursive(
    st.one_of(st.integers(), st.text(max_size=3), st.booleans()),
    lambda below: st.one_of(
        st.lists(below, max_size=3),
        st.dictionaries(st.sampled_from(["name", "value", "x"]), below, max_size=3),
    ),
    max_leaves=10,
)


@given(trees)
def test_nothing_differs_from_itself(tree: Any) -> None:
    assert not differs(tree, json.loads(json.dumps(tree)))


def test_what_the_api_server_fills_in_is_no_difference() -> None:
    assert not differs(WANTED, with_defaults(WANTED))


def leaves(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in a tree."""
    if isinstance(tree, dict):
        return [leaf for name, below in tree.items() for leaf in leaves(below, (*path, name))]
    if isinstance(tree, list):
        return [leaf for index, below in enumerate(tree) for leaf in leaves(below, (*path, index))]
    return [path]


@pytest.mark.parametrize("path", leaves(WANTED), ids=lambda path: ".".join(map(str, path)))
def test_a_value_that_somebody_changed_or_took_away_is_seen(path: tuple[Any, ...]) -> None:
    changed, removed = with_defaults(WANTED), with_defaults(WANTED)
    for tree in (changed, removed):
        below: Any = tree
        for step in path[:-1]:
            below = below[step]
        if tree is changed:
            below[path[-1]] = "something else"
        else:
            del below[path[-1]]
    assert differs(WANTED, changed)
    assert differs(WANTED, removed)


def test_an_empty_text_that_kubernetes_leaves_out_is_no_difference() -> None:
    toleration = {"key": "gpu", "operator": "Equal", "value": "", "effect": "NoSchedule"}
    wanted = template(revision_of(FUNCTION), pods={"tolerations": [toleration]})
    found = copy.deepcopy(wanted)
    del found["spec"]["tolerations"][0]["value"]
    assert not differs(wanted, found)
    found["spec"]["tolerations"][0]["value"] = "yes"
    assert differs(wanted, found)


def test_the_order_of_named_items_is_no_difference() -> None:
    found = with_defaults(WANTED)
    found["spec"]["template"]["spec"]["volumes"].reverse()
    assert not differs(WANTED, found)


def edited(fields: dict[str, Any], manager: str = "kubectl-edit", **entry: Any) -> dict[str, Any]:
    """The Deployment with an entry of managedFields that somebody left."""
    found = with_defaults(WANTED)
    entry = {"manager": manager, "operation": "Update", "fieldsV1": {"f:spec": fields}, **entry}
    found["metadata"]["managedFields"] = [entry]
    return found


def in_pod(**fields: Any) -> dict[str, Any]:
    """Fields of the pod, as managedFields spells them."""
    return {"f:template": {"f:spec": {f"f:{name}": below for name, below in fields.items()}}}


ADDED: list[tuple[str, dict[str, Any]]] = [
    ("hostNetwork", in_pod(hostNetwork={})),
    ("a container", in_pod(containers={'k:{"name":"miner"}': {".": {}, "f:image": {}}})),
    ("a field of a container", in_pod(containers={'k:{"name":"function"}': {"f:lifecycle": {".": {}}}})),
    (
        "a variable",
        in_pod(containers={'k:{"name":"function"}': {"f:env": {'k:{"name":"LD_PRELOAD"}': {".": {}}}}}),
    ),
    ("a volume", in_pod(volumes={'k:{"name":"host"}': {".": {}, "f:hostPath": {"f:path": {}}}})),
    ("a setting of the Deployment", {"f:paused": {}}),
]


@pytest.mark.parametrize("fields", [fields for _, fields in ADDED], ids=[what for what, _ in ADDED])
def test_what_somebody_added_is_seen(fields: dict[str, Any]) -> None:
    assert added_by(WANTED, edited(fields)) == "kubectl-edit"


@pytest.mark.parametrize(
    "fields",
    [
        in_pod(containers={'k:{"name":"function"}': {"f:image": {}, "f:command": {}}}),
        in_pod(
            containers={
                'k:{"name":"function"}': {"f:ports": {'k:{"containerPort":8901,"protocol":"TCP"}': {".": {}}}}
            }
        ),
        {"f:replicas": {}},
    ],
)
def test_a_value_of_ours_that_somebody_set_is_no_addition(fields: dict[str, Any]) -> None:
    assert added_by(WANTED, edited(fields)) is None


@pytest.mark.parametrize(
    "entry", [{"subresource": "status"}, {"subresource": "scale"}, {"manager": "funclet"}]
)
def test_controllers_and_funclet_itself_add_nothing_foreign(entry: dict[str, Any]) -> None:
    assert added_by(WANTED, edited(in_pod(hostNetwork={}), **entry)) is None
