"""Resources read from manifests and written to them again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from funclet.api.alias import Alias
from funclet.api.base import Condition, ObjectMeta
from funclet.api.function import Function, FunctionSpec, FunctionStatus
from funclet.api.function_version import FunctionVersion, FunctionVersionSpec
from funclet.api.rules import parse
from funclet.api.runtimes import DEPRECATED, RUNTIMES, family
from funclet.api.settings import Code, VersionedSettings
from support.manifests import manifest

_NAME = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_VARIABLE = st.from_regex(r"[A-EG-Z][A-Z0-9]{0,8}", fullmatch=True)
_CODE = st.one_of(
    st.dictionaries(st.from_regex(r"[a-z]{1,5}[.]py", fullmatch=True), _TEXT, min_size=1, max_size=3).map(
        lambda files: {"inline": files}
    ),
    st.just({"zip": {"path": "app.zip"}}),
    st.just({"zip": {"url": "https://example.com/a.zip", "sha256": 64 * "a"}}),
)
_OPTIONAL = {
    "memory": st.sampled_from(["256Mi", "1Gi", 536_870_912]),
    "timeout": st.integers(1, 900).map(lambda seconds: f"{seconds}s"),
    "environment": st.dictionaries(_VARIABLE, _TEXT, max_size=3),
    "secrets": st.lists(st.fixed_dictionaries({"name": _NAME, "prefix": st.just("")}), max_size=2),
    "layers": st.lists(_NAME, max_size=5),
    "ephemeralStorage": st.sampled_from(["512Mi", "10Gi"]),
    "network": st.sampled_from([{}, {"egress": "None"}]),
    "functionName": st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
    "concurrency": st.fixed_dictionaries(
        {}, optional={"reserved": st.integers(0, 9), "perInstance": st.just(2)}
    ),
    "scaling": st.fixed_dictionaries({}, optional={"idle": st.just("90s")}),
    "async": st.fixed_dictionaries({"maximumRetryAttempts": st.integers(0, 2)}),
    "url": st.just({"authType": "NONE", "cors": {"allowMethods": ["GET", "*"]}}),
    "publish": st.sampled_from(["Auto", "Manual"]),
    "keepVersions": st.integers(1, 9),
}
_FUNCTIONS = st.builds(
    lambda code, more: manifest("Function", code=code, **more),
    _CODE,
    st.fixed_dictionaries({}, optional=_OPTIONAL),
)


@given(_FUNCTIONS)
def test_a_function_comes_back_as_it_was_written(obj: dict[str, Any]) -> None:
    function = parse(obj, unknown="refuse")
    written = function.to_object()
    assert parse(written, unknown="refuse") == function
    if isinstance(obj["spec"].get("memory"), int):
        obj["spec"]["memory"] = str(obj["spec"]["memory"])
    assert written == obj


@given(
    _NAME,
    st.sampled_from(["1", "7", "$LATEST"]),
    st.dictionaries(st.just("2"), st.floats(0, 1), max_size=1),
)
def test_an_alias_comes_back_as_it_was_written(name: str, version: str, weights: dict[str, float]) -> None:
    routing = {"additionalVersionWeights": {} if version == "$LATEST" else weights}
    obj = manifest("Alias", name=name, version=version, routingConfig=routing)
    assert parse(obj, unknown="refuse").to_object() == obj


def test_a_resource_made_in_python_is_a_whole_manifest() -> None:
    version = FunctionVersion(
        metadata=ObjectMeta(name="greet-1"),
        spec=FunctionVersionSpec(
            function="greet",
            version="1",
            runtime="python3.13",
            handler="app.handler",
            code=Code(inline={"app.py": ""}, zip=None),
            code_sha256=64 * "a",
            runtime_digest="local:1",
            role=None,
        ),
    )
    obj = version.to_object()
    assert obj["apiVersion"] == "funclet.dev/v1alpha1"
    assert obj["kind"] == "FunctionVersion"
    assert "role" not in obj["spec"]
    assert parse(obj, unknown="refuse") == version


def test_what_is_not_set_is_not_written_and_reads_as_its_default() -> None:
    function = parse(manifest("Function"), unknown="refuse")
    assert isinstance(function, Function)
    assert set(function.to_object()["spec"]) == {"runtime", "handler", "code"}
    assert (function.spec.memory, function.spec.timeout) == ("128Mi", "3s")
    assert (function.spec.scaling.min, function.spec.scaling.idle) == (0, "5m")
    assert function.spec.concurrency.per_instance == 1
    assert function.spec.async_.maximum_event_age == "6h"


def test_a_function_is_known_to_lambda_by_its_function_name_or_its_own() -> None:
    named = parse(manifest("Function", functionName="My_Function"), unknown="refuse")
    plain = parse(manifest("Function"), unknown="refuse")
    assert isinstance(named, Function)
    assert isinstance(plain, Function)
    assert (named.lambda_name, plain.lambda_name) == ("My_Function", "greet")


@pytest.mark.parametrize("namespace", ["", None])
def test_an_empty_namespace_is_the_default_one(namespace: str | None) -> None:
    assert ObjectMeta.model_validate({"name": "a", "namespace": namespace}).namespace == "default"


def test_versioned_fields_are_those_that_a_version_freezes() -> None:
    versioned = set(VersionedSettings.model_fields)
    assert versioned < set(FunctionSpec.model_fields)
    assert versioned < set(FunctionVersionSpec.model_fields)
    assert not versioned & {"concurrency", "scaling", "url", "async_", "tags", "publish", "publish_alias"}


def test_a_status_is_read_with_its_conditions() -> None:
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "Serving",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status = FunctionStatus.model_validate({"conditions": [condition], "lastVersion": 3})
    assert status.conditions == [
        Condition(type="Ready", status="True", reason="Serving", last_transition_time="2026-01-01T00:00:00Z")
    ]


def test_types_are_strict_as_an_api_server_s_are() -> None:
    with pytest.raises(ValidationError):
        FunctionStatus.model_validate({"lastVersion": "3"})


def test_a_resource_does_not_change() -> None:
    alias = parse(manifest("Alias"), unknown="refuse")
    assert isinstance(alias, Alias)
    with pytest.raises(ValidationError):
        alias.spec.version = "3"  # type: ignore[misc]  # what is tried is what types forbid


def test_every_runtime_has_a_family_and_none_is_both_of_today_and_of_the_past() -> None:
    families = {"python", "nodejs", "provided", "java", "ruby", "dotnet"}
    assert {family(name) for name in RUNTIMES} == families
    assert {family(name) for name in DEPRECATED} <= families | {"go"}
    assert not set(RUNTIMES) & set(DEPRECATED)
    assert {"python", "nodejs", "provided", "python3.9", "python3.14", "nodejs18.x", "nodejs24.x"} <= set(
        RUNTIMES
    )
