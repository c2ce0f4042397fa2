"""Whatever the values, what Helm installs is valid on every Kubernetes that the chart allows."""

import json
import re
import tomllib
from functools import cache
from hashlib import sha256
from typing import Any

import helm_python
import kubernetes_validate  # type: ignore[import-untyped]  # it comes without types
import pytest
import yaml
from kubernetes_validate import utils  # as above

from support.chart import CHART, IMAGES, ROOT, SCENARIOS, Object, Values, merged, render, scenario

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
    assert unbound <= {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "PriorityClass"}


def test_a_namespace_is_never_made() -> None:
    assert [each for name in SCENARIOS for each in scenario(name).all("Namespace")] == []


#: names that Helm lets a release have
RELEASES = ("funclet", "prod", "1abc", "123", "a.b", "a-b", "1.a", "a" * 53, "a" * 52 + "b", "9" * 53, "on")


def prefix(*layers: Values, name: str = "funclet") -> str:
    rendered = render({"monitoring": {"serviceMonitor": {"enabled": True}}}, *layers, name=name)
    (monitor,) = rendered.all("ServiceMonitor")
    found: str = monitor["metadata"]["name"]
    return found


@pytest.mark.parametrize("release", RELEASES)
def test_names_fit_whatever_the_release_is_called(release: str) -> None:
    rendered = render(name=release)
    assert max(len(each["metadata"]["name"]) for each in rendered.objects) <= 63
    for service in rendered.all("Service"):
        # RFC 1035, which the API server holds Services to.
        assert re.fullmatch("[a-z]([-a-z0-9]*[a-z0-9])?", service["metadata"]["name"])
    url = yaml.safe_load(rendered.all("ConfigMap")[0]["data"]["platform.yaml"])["gatewayInternalUrl"]
    service = url.removeprefix("http://").partition(".")[0]
    assert rendered.one("Service", service)["spec"]["ports"][0]["port"] == 8702


def test_no_two_releases_have_one_prefix() -> None:
    assert len({prefix(name=release) for release in RELEASES}) == len(RELEASES)


def test_a_name_that_is_fit_stays_as_it_is() -> None:
    assert prefix() == "funclet"
    assert prefix(name="my-funclet") == "my-funclet"
    assert prefix(name="prod") == "prod-funclet"
    assert prefix({"nameOverride": "fn"}, name="prod") == "prod-fn"
    assert prefix({"fullnameOverride": "mine"}, name="prod") == "mine"


@pytest.mark.parametrize(
    ("asked", "begins"), [("a.b", "a-b-"), ("1abc", "f-1abc-"), ("x" * 60, "x" * 35 + "-")]
)
def test_a_name_that_must_be_changed_ends_with_a_hash_of_what_it_was(asked: str, begins: str) -> None:
    found = prefix({"fullnameOverride": asked})
    assert found == begins + sha256(asked.encode()).hexdigest()[:8]
    assert len(found) <= 44


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
