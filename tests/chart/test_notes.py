"""What Helm says after an installation: the next command, what is dangerous, and what an uninstallation leaves."""

import re

import pytest

from support.chart import ROOT, SCENARIOS, SCOPED, render, scenario


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_notes_name_objects_that_there_are(name: str) -> None:
    rendered = scenario(name)
    assert "rollout status deployment/funclet-gateway" in rendered.notes
    for kind, found in re.findall(r"(deployment|service)/(\S+)", rendered.notes):
        assert rendered.one(kind.capitalize(), found)
    assert "<no value>" not in rendered.notes
    assert "nil" not in rendered.notes


def test_the_next_commands_deploy_and_call_an_example() -> None:
    notes = render().notes
    assert "kubectl -n default apply -f examples/greet/" in notes
    assert (ROOT / "examples" / "greet").is_dir()
    assert "http://127.0.0.1:8700/2015-03-31/functions/greet/invocations" in notes


def test_the_token_is_shown_how_to_be_read_and_never_shown() -> None:
    rendered = render()
    assert r"get secret funclet-keys -o jsonpath='{.data.api\.token}'" in rendered.notes
    assert not any(value in rendered.notes for value in rendered.all("Secret")[0]["data"].values())


def test_with_an_ingress_the_call_goes_there() -> None:
    notes = scenario("everything switched on").notes
    assert "https://functions.example.com/2015-03-31/functions/greet/invocations" in notes
    assert "port-forward" not in notes


@pytest.mark.parametrize(
    ("values", "warning"),
    [
        ({"auth": {"mode": "None"}}, "WARNING: auth.mode is None"),
        ({"networkPolicy": {"enabled": False}}, "WARNING: networkPolicy.enabled is false"),
    ],
)
def test_what_is_dangerous_is_said(values: dict[str, object], warning: str) -> None:
    assert warning in render(values).notes
    assert "WARNING" not in render().notes


def test_what_an_uninstallation_leaves_is_said() -> None:
    left = render().notes.partition("leaves behind")[2]
    assert "kubectl delete crd functions.funclet.dev functionversions.funclet.dev aliases.funclet.dev" in left
    assert "delete secret funclet-keys" in left
    gone = render({"crds": {"keep": False}, "keys": {"keep": False}}).notes.partition("leaves behind")[2]
    assert "delete crd" not in gone
    assert "delete secret" not in gone


def test_the_namespaces_that_are_watched_are_named() -> None:
    assert "watches all namespaces" in render().notes
    assert "watches team-a, team-b" in render(SCOPED).notes
