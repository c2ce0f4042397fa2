"""Whatever the values, what Helm installs is valid on every Kubernetes that the chart allows."""

import json
import tomllib
from functools import cache
from typing import Any

import helm_python
import kubernetes_validate  # type: ignore[import-untyped]  # it comes without types
import pytest
import yaml
from kubernetes_validate import utils  # as above

from support.chart import CHART, IMAGES, ROOT, SCENARIOS, Object, merged, render, scenario

METADATA = yaml.safe_load((CHART / "Chart.yaml").read_text())
OLDEST = METADATA["kubeVersion"].removeprefix(">=").removesuffix("-0")
#: those of which the schemas are at hand; minor versions of one length compare as they are written
VERSIONS = sorted(version for version in set(utils.all_versions()) if version >= OLDEST)
#: of other projects, whose schemas are not at hand
FOREIGN = {"HTTPRoute", "ServiceMonitor"}

every_scenario = pytest.mark.parametrize("name", SCENARIOS)


@cache
def distinct_objects() -> dict[str, Object]:
    """Every object of every scenario once, by its JSON."""
    return {
        json.dumps(each, sort_keys=True): each
        for name in SCENARIOS
        for each in scenario(name).objects
        if each["kind"] not in FOREIGN
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid_on_every_version(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # It reads a megabyte of definitions anew for each object.
    monkeypatch.setattr(utils, "schema_contents", cache(utils.schema_contents))
    for each in distinct_objects().values():
        kubernetes_validate.validate(each, version, strict=True)


def test_the_versions_tried_go_from_the_oldest_that_the_chart_allows_to_the_newest_known() -> None:
    assert VERSIONS[0] == OLDEST
    assert len(VERSIONS) >= 6


def test_the_chart_and_the_package_have_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert METADATA["version"] == METADATA["appVersion"] == project["version"]


def test_no_template_asks_which_cluster_it_is_for() -> None:
    texts = {path: path.read_text() for path in (CHART / "templates").rglob("*") if path.is_file()}
    assert [path for path, text in texts.items() if ".Capabilities" in text] == []


@every_scenario
def test_the_linter_finds_nothing_to_say(name: str) -> None:
    report = helm_python.lint(CHART, merged(IMAGES, SCENARIOS[name]), strict=True)
    assert report["errors"] == []
    # An icon is a picture of nobody yet.
    assert [each["error"] for each in report["messages"] if each["severity"] > 1] == []


@every_scenario
def test_no_two_objects_have_one_name(name: str) -> None:
    seen = [
        (each["apiVersion"], each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"])
        for each in scenario(name).objects
    ]
    assert len(seen) == len(set(seen))


@every_scenario
def test_every_object_says_whose_it_is(name: str) -> None:
    for each in scenario(name).objects:
        if each["kind"] == "CustomResourceDefinition":
            continue
        labels = each["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == labels["app.kubernetes.io/part-of"] == "funclet"
        assert labels["app.kubernetes.io/instance"] == "funclet"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["helm.sh/chart"].startswith("funclet-")
        assert all(labels[key] == value for key, value in SCENARIOS[name].get("commonLabels", {}).items())


@every_scenario
def test_every_namespaced_object_names_its_namespace(name: str) -> None:
    unbound = {each["kind"] for each in scenario(name).objects if "namespace" not in each["metadata"]}
    assert unbound <= {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}


def test_a_namespace_is_never_made() -> None:
    assert [each for name in SCENARIOS for each in scenario(name).all("Namespace")] == []


@pytest.mark.parametrize("release", ["funclet", "prod", "a" * 53])
def test_names_fit_whatever_the_release_is_called(release: str) -> None:
    rendered = render(name=release)
    assert max(len(each["metadata"]["name"]) for each in rendered.objects) <= 63
    url = yaml.safe_load(rendered.all("ConfigMap")[0]["data"]["platform.yaml"])["gatewayInternalUrl"]
    service = url.removeprefix("http://").partition(".")[0]
    assert rendered.one("Service", service)["spec"]["ports"][0]["port"] == 8702


def test_a_release_keeps_its_selectors_when_the_chart_moves_on() -> None:
    selectors = {
        each["metadata"]["name"]: each["spec"]["selector"]["matchLabels"]
        for each in render().all("Deployment")
    }
    for component, selector in selectors.items():
        assert selector == {
            "app.kubernetes.io/name": "funclet",
            "app.kubernetes.io/instance": "funclet",
            "app.kubernetes.io/component": component.removeprefix("funclet-"),
        }


def test_further_objects_are_installed_as_they_are_or_rendered() -> None:
    extra: list[Any] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "plain", "namespace": "a"}},
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-more, namespace: a}\n",
    ]
    rendered = render({"extraObjects": extra})
    assert rendered.one("ConfigMap", "plain", "a")
    assert rendered.one("ConfigMap", "funclet-more", "a")
