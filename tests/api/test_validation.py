"""All that is wrong with an object is told at once, in plain words, at the paths that its manifest shows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.api.rules import InvalidObjectError, Problem, parse, validate
from funclet.api.rules.rule import Rule
from funclet.api.schema import MODELS
from support.manifests import Manifest, manifest, placed, without
from support.rule_examples.example import Change
from support.rule_examples.table import Row, rows

WHOLE = [row for row in rows() if not row.accepted and not isinstance(row.value, Change)]


def told(obj: Any, **how: Any) -> list[str]:
    return [str(problem) for problem in validate(obj, **{"unknown": "refuse", **how})]


@pytest.mark.parametrize("kind", MODELS)
def test_nothing_is_wrong_with_a_right_manifest(kind: str) -> None:
    assert validate(manifest(kind), unknown="refuse") == ()


def _is_absence(rule: Rule) -> bool:
    """Whether only an object with less than `placed` gives breaks the rule."""
    return rule.node in {"spec", "spec.code"}


@pytest.mark.parametrize(
    "row",
    [row for row in WHOLE if not _is_absence(row.rule)],
    ids=lambda row: f"{row.rule.name} {row.value!a:.50}",
)
def test_a_value_that_a_rule_refuses_is_refused_in_a_whole_object_at_its_path(row: Row) -> None:
    for kind in row.rule.kinds:
        problems = validate(placed(kind, row.rule.node, row.value), unknown="refuse")
        where = row.rule.node.replace(".*", "[0]") + (f".{row.rule.path}" if row.rule.path else "")
        assert any(problem.path.startswith(where) for problem in problems), problems
        said = {problem.message for problem in problems}
        assert row.rule.words(row.value) in said or not row.rule.whole


def test_every_wrong_field_is_told_at_once() -> None:
    wrong = manifest(
        "Function",
        handler="../x.y",
        memory="64Mi",
        timeout=901,
        scalng={},
        environment={"AWS_REGION": "eu", "DEBUG": True},
        concurrency={"reserved": "5"},
        logging={"format": "Yaml"},
        runtime="python2.7",
        url={"authType": "NONE", "cors": {"maxAge": 86_401}},
        keepVersions=0,
    )
    wrong["metadata"]["name"] = "Greet"
    assert {problem.path for problem in validate(wrong, unknown="refuse")} == {
        "metadata.name",
        "spec.concurrency.reserved",
        "spec.environment",
        "spec.environment.DEBUG",
        "spec.handler",
        "spec.keepVersions",
        "spec.logging.format",
        "spec.memory",
        "spec.runtime",
        "spec.scalng",
        "spec.timeout",
        "spec.url.cors.maxAge",
    }


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"description": 5}, "spec.description: must be a string: put it in quotes"),
        ({"description": []}, "spec.description: must be a string"),
        ({"description": "x" * 257}, "spec.description: must have at most 256 characters"),
        ({"description": "\ud800"}, "spec.description: must be valid text"),
        ({"concurrency": {"perInstance": "1"}}, "spec.concurrency.perInstance: must be a whole number"),
        ({"concurrency": {"perInstance": 1.5}}, "spec.concurrency.perInstance: must be a whole number"),
        ({"concurrency": {"perInstance": 0}}, "spec.concurrency.perInstance: must be at least 1"),
        ({"concurrency": {"reserved": True}}, "spec.concurrency.reserved: must be a whole number"),
        ({"concurrency": 5}, "spec.concurrency: must be a mapping"),
        ({"environment": []}, "spec.environment: must be a mapping"),
        ({"layers": {}}, "spec.layers: must be a list"),
        ({"layers": ["x"] * 17}, "spec.layers: must have at most 16 entries"),
        ({"code": {"inline": {}}}, "spec.code.inline: must have at least 1 entry"),
        ({"publish": "auto"}, "spec.publish: must be Auto or Manual"),
        ({"url": {}}, "spec.url.authType: is required"),
        (
            {"url": {"authType": "NONE", "cors": {"allowCredentials": "yes"}}},
            "spec.url.cors.allowCredentials: must be true or false",
        ),
        ({"role": None}, "spec.role: must not be null: give it a value, or leave it out"),
        (
            {"environment": {"A": None}},
            "spec.environment.A: must not be null: give it a value, or leave it out",
        ),
        (
            {"environment": {1: "x"}},
            "spec.environment[1]: keys must be strings of valid text: put this one in quotes",
        ),
        ({"environment": {"\ud800": "x"}}, "spec.environment[\\ud800]: keys must be valid text"),
        ({"tags": {"a b": 1}}, "spec.tags[a b]: must be a string: put it in quotes"),
        ({"code": {"inline": {"a.py": 1}}}, "spec.code.inline[a.py]: must be a string: put it in quotes"),
        ({"secrets": [{"name": "a", "prefix": ""}, {}]}, "spec.secrets[1].name: is required"),
        ({"secrets": [None]}, "spec.secrets[0]: must not be null: give it a value, or leave it out"),
    ],
)
def test_a_wrong_type_or_bound_is_told_in_plain_words(spec: Manifest, words: str) -> None:
    assert words in told(manifest("Function", **spec))


def test_a_missing_spec_and_metadata_are_told() -> None:
    assert told({"apiVersion": "funclet.dev/v1alpha1", "kind": "Alias"}) == [
        "metadata: is required",
        "spec: is required",
    ]


@pytest.mark.parametrize("obj", [None, [], "text", 5, [manifest("Alias")]])
def test_what_is_no_mapping_is_told(obj: Any) -> None:
    assert told(obj) == ["a resource must be a mapping with apiVersion, kind, metadata and spec"]


def test_an_unknown_kind_and_version_are_told_with_what_was_meant() -> None:
    assert told({**manifest("Function"), "kind": "Functoin", "apiVersion": "funclet.dev/v1"}) == [
        "apiVersion: must be funclet.dev/v1alpha1",
        "kind: must be one of Function, FunctionVersion, Alias; did you mean Function?",
    ]
    assert told({"metadata": {"name": "a"}}) == [
        "apiVersion: is required: funclet.dev/v1alpha1",
        "kind: is required: one of Function, FunctionVersion, Alias",
    ]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"memroy": "1Gi"}, "spec.memroy: is not a known field; did you mean memory?"),
        ({"function_name": "x"}, "spec.function_name: is not a known field; did you mean functionName?"),
        ({"xyz": 1}, "spec.xyz: is not a known field"),
        ({"scaling": {"idel": "1s"}}, "spec.scaling.idel: is not a known field; did you mean idle?"),
        (
            {"secrets": [{"name": "a", "prefix": "", "namespace": "other"}]},
            "spec.secrets[0].namespace: is not a known field",
        ),
    ],
)
def test_an_unknown_field_is_refused_with_what_was_meant_or_ignored(spec: Manifest, words: str) -> None:
    obj = manifest("Function", **spec)
    assert told(obj) == [words]
    assert told(obj, unknown="ignore") == []


def test_an_unknown_field_of_metadata_is_refused_and_kubernetes_own_are_not() -> None:
    obj = manifest("Alias")
    obj["metadata"] |= {"lables": {}, "managedFields": [], "creationTimestamp": None, "finalizers": []}
    assert told(obj) == ["metadata.lables: is not a known field; did you mean labels?"]
    assert told(obj, unknown="ignore") == []


def test_a_rule_runs_although_something_that_it_does_not_read_is_wrong() -> None:
    obj = manifest("Function", publish="auto", code={"image": {"ref": 5}})
    assert "spec.runtime: runtime is not allowed with code.image: an image brings its own" in told(obj)


def test_a_rule_that_reads_a_wrong_field_waits_until_it_is_mended() -> None:
    obj = without(manifest("Function", code=5), "runtime", "handler")
    assert told(obj) == ["spec.code: must be a mapping"]


def test_the_rest_of_a_map_is_judged_without_its_wrong_entry() -> None:
    obj = manifest("Function", environment={"A": 1, "FUNCLET_X": "y"})
    assert told(obj) == [
        "spec.environment: environment must not set a name that begins with FUNCLET_: Funclet reserves them",
        "spec.environment.A: must be a string: put it in quotes",
    ]


def test_a_change_is_compared_with_what_it_replaces_only_where_that_is_given() -> None:
    old, new = manifest("FunctionVersion"), manifest("FunctionVersion", memory="256Mi")
    immutable = (
        "spec: the spec of a FunctionVersion is immutable; change the Function and publish another version"
    )
    assert told(new, old=old) == [immutable]
    assert told(new) == []
    assert told(manifest("FunctionVersion", memory="128Mi", memroy=1), old=old, unknown="ignore") == []


@pytest.mark.parametrize("row", [row for row in rows() if isinstance(row.value, Change) and not row.accepted])
def test_a_refused_change_is_refused_in_a_whole_object(row: Row) -> None:
    (kind,) = row.rule.kinds
    new, old = (placed(kind, row.rule.node, value) for value in (row.value.new, row.value.old))
    assert row.rule.message in {problem.message for problem in validate(new, old, unknown="ignore")}


def test_no_value_of_a_variable_is_ever_told() -> None:
    obj = manifest("Function", environment={"A=": "hunter2", "B": "hunter2" * 999, "AWS_REGION": "hunter2"})
    assert len(told(obj)) == 3
    assert "hunter2" not in "".join(told(obj))


def test_a_path_cannot_hurt_a_terminal() -> None:
    (problem,) = validate(manifest("Function", **{"\x1b[2J" + "x" * 500: 1}), unknown="refuse")
    assert problem.path.startswith("spec[\\x1b[2Jxxx")
    assert len(problem.path) < 160


def test_parse_gives_the_resource_or_raises_with_every_problem() -> None:
    assert parse(manifest("Alias"), unknown="refuse").kind == "Alias"
    with pytest.raises(InvalidObjectError) as caught:
        parse(manifest("Alias", name="1", version="0"), unknown="refuse")
    assert [problem.path for problem in caught.value.problems] == ["spec.name", "spec.version"]
    assert str(caught.value).count("\n") == 1


def test_a_problem_prints_as_path_and_message() -> None:
    assert str(Problem("spec.name", "is required")) == "spec.name: is required"
    assert str(Problem("", "is odd")) == "is odd"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3)
    ),
    max_leaves=12,
)
_FIELDS = st.sampled_from(
    [
        "code",
        "environment",
        "secrets",
        "memory",
        "timeout",
        "async",
        "scaling",
        "url",
        "version",
        "routingConfig",
    ]
)


@given(st.sampled_from(sorted(MODELS)), st.dictionaries(_FIELDS, _JSON, max_size=4), _JSON)
def test_whatever_an_object_holds_validate_returns(kind: str, fields: dict[str, Any], any_value: Any) -> None:
    validate(any_value, unknown="refuse")
    validate({"kind": kind, "metadata": any_value, "spec": any_value}, unknown="refuse")
    obj = manifest(kind, **fields)
    assert set(validate(obj, unknown="ignore")) <= set(validate(obj, manifest(kind), unknown="refuse"))
