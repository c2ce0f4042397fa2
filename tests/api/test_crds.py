"""The definitions are structural, complete, and what the models say."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it comes without types
import pytest
import yaml

from funclet.api.crd import definition, drift, main, rendered, ruled, write
from funclet.api.schema import MODELS, completed, structural
from support.manifests import manifest

CRDS = Path(__file__).parents[2] / "crds"
LAST_APPLIED_LIMIT = 256 * 1024
FORBIDDEN = {
    "$ref",
    "$defs",
    "title",
    "anyOf",
    "allOf",
    "oneOf",
    "not",
    "const",
    "patternProperties",
    "propertyNames",
}

_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": float,
}

Node = dict[str, Any]


def nodes(node: Node, path: str) -> Iterator[tuple[str, Node]]:
    yield path, node
    for name, below in node.get("properties", {}).items():
        yield from nodes(below, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            yield from nodes(node[key], f"{path}[]")


EVERY_NODE = [(path, node) for kind in MODELS for path, node in nodes(ruled(kind), kind)]
every_node = pytest.mark.parametrize(("path", "node"), EVERY_NODE, ids=[path for path, _ in EVERY_NODE])


def test_the_files_are_what_the_models_say() -> None:
    assert drift(CRDS) == ""


def test_the_check_tells_drift_as_a_diff_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path)
    assert main(["--check", "--folder", str(tmp_path)]) == 0
    changed = tmp_path / "funclet.dev_aliases.yaml"
    changed.write_text(changed.read_text().replace("shortNames", "longNames"))
    (tmp_path / "funclet.dev_old.yaml").write_text("kind: Old\n")
    assert main(["--check", "--folder", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert "-    longNames:\n" in told
    assert "+    shortNames:\n" in told
    assert "-kind: Old\n" in told
    assert main(["--folder", str(tmp_path)]) == 0
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == rendered()


def test_the_command_checks_the_folder_of_the_checkout() -> None:
    command = [sys.executable, "-m", "funclet.api.crd", "--check"]
    result = subprocess.run(command, cwd=CRDS.parent, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("kind", MODELS)
def test_a_definition_is_a_valid_kubernetes_object(kind: str) -> None:
    kubernetes_validate.validate(definition(kind), "1.37", strict=True)


@pytest.mark.parametrize("name", rendered())
def test_a_definition_says_that_it_is_generated_and_fits_a_last_applied_annotation(name: str) -> None:
    text = rendered()[name]
    assert text.startswith("# Generated from the models")
    assert "python -m funclet.api.crd" in text.splitlines()[0]
    assert len(text) < LAST_APPLIED_LIMIT
    assert len(str(yaml.safe_load(text))) < LAST_APPLIED_LIMIT


@every_node
def test_a_node_uses_only_what_a_structural_schema_may(path: str, node: Node) -> None:
    assert not FORBIDDEN & node.keys(), path
    assert "type" in node or node.get("x-kubernetes-int-or-string") is True
    assert not ("properties" in node and "additionalProperties" in node)
    if node.get("type") == "object":
        assert "properties" in node or "additionalProperties" in node or path.endswith(".metadata")


@every_node
def test_a_node_is_described_and_bounded(path: str, node: Node) -> None:
    if not path.endswith((".metadata", "[]")):
        assert node["description"].endswith("."), path
    if path.count(".") < 2:
        return
    kind = node.get("type", "string")
    if kind == "string":
        assert "maxLength" in node or "enum" in node
    elif kind == "array":
        assert "maxItems" in node
        assert node["x-kubernetes-list-type"] in {"atomic", "map"}
    elif "additionalProperties" in node:
        assert "maxProperties" in node
    elif kind in {"integer", "number"}:
        assert {"minimum", "maximum", "format"} <= node.keys()


def fits(value: Any, node: Node) -> bool:
    """Whether a value has the type and bounds of a node, and so have its members."""
    below = node.get("properties", {})
    return (
        isinstance(value, _TYPES[node.get("type", "string")])
        and value in node.get("enum", [value])
        and len(str(value)) <= node.get("maxLength", 10**6)
        and node.get("minimum", 0) <= (value if isinstance(value, int) else 0) <= node.get("maximum", 2**63)
        and set(node.get("required", ())) <= set(value if below else ())
        and all(fits(value[name], below[name]) for name in (value if below else ()))
    )


@every_node
def test_a_default_is_valid_against_its_own_schema(path: str, node: Node) -> None:
    if "default" in node:
        assert fits(completed(node["default"], node), node), path


@pytest.mark.parametrize("kind", MODELS)
def test_the_defaults_of_the_schema_are_those_of_the_model(kind: str) -> None:
    obj = manifest(kind)
    model = MODELS[kind]
    assert model.model_validate(completed(obj, structural(kind))) == model.model_validate(obj)


@pytest.mark.parametrize("kind", MODELS)
def test_conditions_are_a_map_by_type(kind: str) -> None:
    conditions = structural(kind)["properties"]["status"]["properties"]["conditions"]
    assert conditions["x-kubernetes-list-type"] == "map"
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert {"type", "status", "reason", "lastTransitionTime"} <= set(conditions["items"]["required"])


@every_node
def test_a_rule_names_fields_that_exist(path: str, node: Node) -> None:
    for validation in node.get("x-kubernetes-validations", ()):
        assert validation["message"], path
        assert validation["reason"].startswith("FieldValue")
        below = node
        for piece in validation.get("fieldPath", "").split(".")[1:]:
            below = below["properties"][piece]


@pytest.mark.parametrize(
    ("kind", "short", "columns"),
    [
        ("Function", "fn", ["Ready", "Runtime", "Last Version", "Instances", "Reason", "Age"]),
        ("FunctionVersion", "fnv", ["Ready", "Function", "Version", "Runtime", "Reason", "Age"]),
        ("Alias", "fna", ["Ready", "Function", "Alias", "Version", "Reason", "Age"]),
    ],
)
def test_kubectl_shows_what_a_user_wants(kind: str, short: str, columns: list[str]) -> None:
    spec = definition(kind)["spec"]
    assert spec["names"]["shortNames"] == [short]
    assert spec["names"]["categories"] == ["funclet"]
    shown = spec["versions"][0]["additionalPrinterColumns"]
    assert [column["name"] for column in shown] == columns
    assert [column["name"] for column in shown if column.get("priority")] == ["Reason"]


def test_only_a_function_scales_and_its_floor_is_what_is_scaled() -> None:
    subresources = {kind: definition(kind)["spec"]["versions"][0]["subresources"] for kind in MODELS}
    assert subresources["Function"]["scale"] == {
        "specReplicasPath": ".spec.scaling.min",
        "statusReplicasPath": ".status.instances",
        "labelSelectorPath": ".status.selector",
    }
    assert subresources["FunctionVersion"] == subresources["Alias"] == {"status": {}}
