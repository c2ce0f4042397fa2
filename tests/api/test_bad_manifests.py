"""Bad manifests, each refused with its field named; the numbers are those of the list of bad inputs."""

from typing import Any

import pytest

from funclet.api.rules import validate
from support.manifests import Manifest, manifest, without


def refusals(obj: Manifest, old: Manifest | None = None) -> dict[str, str]:
    return {problem.path: problem.message for problem in validate(obj, old, unknown="refuse")}


def weighted(version: str, **weights: Any) -> Manifest:
    named = {name.removeprefix("v"): weight for name, weight in weights.items()}
    return manifest("Alias", version=version, routingConfig={"additionalVersionWeights": named})


def test_1_an_empty_spec_an_unknown_field_and_a_wrong_type_are_refused() -> None:
    assert refusals({**manifest("Function"), "spec": {}}) == {"spec.code": "is required"}
    assert "spec.colour" in refusals(manifest("Function", colour="red"))
    assert "spec.environment" in refusals(manifest("Function", environment="A=b"))


@pytest.mark.parametrize(
    "name", ["a" * 254, "Greet", "gr\N{FACE WITH TEARS OF JOY}t", "a..b", "-a", "a-", "", "a_b"]
)
def test_2_a_name_that_kubernetes_refuses_is_refused_with_the_rule_named(name: str) -> None:
    obj = {**manifest("Function"), "metadata": {"name": name}}
    assert "RFC 1123" in refusals(obj)["metadata.name"]


@pytest.mark.parametrize("memory", [0, -1, "0", "-1", "1Ei", "128"])
def test_3_memory_out_of_range_is_refused_with_the_range(memory: object) -> None:
    assert "from 128Mi to 10240Mi" in refusals(manifest("Function", memory=memory))["spec.memory"]


@pytest.mark.parametrize("timeout", [0, 901, float("nan"), "0", "901", "0s", "901s", "NaN"])
def test_3_a_timeout_out_of_range_is_refused_with_the_range(timeout: object) -> None:
    assert "from 1s to 15m" in refusals(manifest("Function", timeout=timeout))["spec.timeout"]


@pytest.mark.parametrize("handler", ["../x.y", "a:b;rm -rf", "a" * 129, ""])
def test_4_a_handler_that_could_lead_elsewhere_is_refused(handler: str) -> None:
    assert refusals(manifest("Function", handler=handler))["spec.handler"].startswith("handler must be")


def test_5_an_environment_over_4_kb_is_refused_in_awss_words() -> None:
    (message,) = refusals(manifest("Function", environment={"A": "x" * 4089})).values()
    assert message.endswith("environment variables you have provided exceeded the 4KB limit.")


def test_5_a_reserved_key_is_refused_by_name() -> None:
    (message,) = refusals(manifest("Function", environment={"AWS_LAMBDA_RUNTIME_API": "x"})).values()
    assert message.endswith("Reserved keys used in this request: AWS_LAMBDA_RUNTIME_API")


@pytest.mark.parametrize("key", ["A=B", "A\x00B"])
def test_5_a_key_that_no_environment_can_hold_is_refused(key: str) -> None:
    assert "spec.environment" in refusals(manifest("Function", environment={key: "x"}))


@pytest.mark.parametrize(
    ("weight", "words"),
    [(1.5, "must be at most 1"), (-0.1, "must be at least 0"), (float("nan"), "must be a finite number")],
)
def test_6_a_weight_that_is_no_share_is_refused(weight: float, words: str) -> None:
    path = "spec.routingConfig.additionalVersionWeights[1]"
    assert refusals(weighted("2", v1=weight)) == {path: words}


def test_6_two_extra_versions_are_refused_in_awss_words() -> None:
    assert refusals(weighted("3", v1=0.1, v2=0.2)) == {
        "spec.routingConfig.additionalVersionWeights": (
            "Number of items in AdditionalVersionWeights cannot be greater than 1"
        )
    }


def test_7_an_extra_version_that_is_the_alias_s_own_is_refused_in_awss_words() -> None:
    assert refusals(weighted("1", v1=0.1)) == {
        "spec.routingConfig": (
            "Invalid function version 1. Function version 1 is already included in routing configuration."
        )
    }


def test_8_weights_beside_latest_are_refused_in_awss_words() -> None:
    assert refusals(weighted("$LATEST", v1=0.1)) == {
        "spec.routingConfig": "$LATEST is not supported for an alias pointing to more than 1 version"
    }
    assert refusals(manifest("Alias", version="$LATEST")) == {}


def test_10_an_edit_of_a_published_version_is_refused() -> None:
    old = manifest("FunctionVersion")
    assert "immutable" in refusals(manifest("FunctionVersion", timeout="9s"), old)["spec"]
    assert refusals(manifest("FunctionVersion"), old) == {}


@pytest.mark.parametrize("field", ["secrets", "configMaps"])
def test_11_a_reference_into_another_namespace_is_refused(field: str) -> None:
    obj = manifest("Function", **{field: [{"name": "other/store", "prefix": ""}]})
    assert "own namespace" in refusals(obj)[f"spec.{field}[0].name"]
    obj = manifest("Function", **{field: [{"name": "store", "prefix": "", "namespace": "other"}]})
    assert f"spec.{field}[0].namespace" in refusals(obj)


def test_11_a_role_or_function_of_another_namespace_is_refused() -> None:
    assert "own namespace" in refusals(manifest("Function", role="other/runner"))["spec.role"]
    assert "same namespace" in refusals(manifest("Alias", function="other/greet"))["spec.function"]


def test_12_an_unknown_runtime_is_refused_with_the_supported_ones() -> None:
    message = refusals(manifest("Function", runtime="cobol"))["spec.runtime"]
    assert message.startswith("Value cobol at 'runtime' failed to satisfy constraint")
    assert "python3.13" in message
    assert "nodejs24.x" in message


@pytest.mark.parametrize("runtime", ["python2.7", "python3.6", "python3.7", "nodejs12.x", "go1.x"])
def test_12_a_runtime_of_the_past_is_refused_in_awss_words(runtime: str) -> None:
    assert refusals(manifest("Function", runtime=runtime)) == {
        "spec.runtime": (
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda "
            "functions. We recommend you use a supported runtime while creating or updating functions."
        )
    }


def test_12_a_function_without_runtime_or_handler_is_refused() -> None:
    assert set(refusals(without(manifest("Function"), "runtime", "handler"))) == {
        "spec.runtime",
        "spec.handler",
    }
