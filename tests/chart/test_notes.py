"""What Helm says after an installation: the next command, what is dangerous, and what an uninstallation leaves."""

import re

import pytest

from support.chart import NAMESPACE, ROOT, SCENARIOS, SCOPED, Values, render, scenario


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
    assert "kubectl -n default apply -f examples/" in notes
    assert "name: greet\n" in (ROOT / "examples" / "greet.yaml").read_text("utf-8")
    assert "http://127.0.0.1:8700/2015-03-31/functions/greet/invocations" in notes


def test_the_token_is_shown_how_to_be_read_and_never_shown() -> None:
    rendered = render()
    assert r"get secret funclet-keys -o jsonpath='{.data.api\.token}'" in rendered.notes
    assert not any(value in rendered.notes for value in rendered.all("Secret")[0]["data"].values())


def test_where_everybody_may_call_the_call_shows_no_token() -> None:
    notes = render({"auth": {"mode": "None"}}).notes
    call = """curl -d '{"name": "Ada"}' http://127.0.0.1:8700/2015-03-31/functions/greet/invocations"""
    assert call in notes
    assert "TOKEN" not in notes


@pytest.mark.parametrize(
    ("hostnames", "told", "called"),
    [
        (["a.example.com"], "at https://a.example.com\n", "https://a.example.com/2015-03-31/"),
        (
            ["*.example.com", "b.example.com"],
            "at https://*.example.com, https://b.example.com\n",
            "https://funclet.example.com/2015-03-31/",
        ),
        (
            [],
            "ADDRESS=$(kubectl -n edge get gateway web -o jsonpath='{.status.addresses[0].value}')",
            "https://$ADDRESS/2015-03-31/",
        ),
    ],
)
def test_with_a_route_the_call_goes_there(hostnames: list[str], told: str, called: str) -> None:
    parents = [{"name": "web", "namespace": "edge"}]
    notes = render({"httpRoute": {"enabled": True, "parentRefs": parents, "hostnames": hostnames}}).notes
    assert told in notes
    assert called in notes
    assert "port-forward" not in notes


def test_a_listener_of_the_release_s_own_namespace_is_looked_for_there() -> None:
    notes = render({"httpRoute": {"enabled": True, "parentRefs": [{"name": "web"}]}}).notes
    assert f"kubectl -n {NAMESPACE} get gateway web" in notes


def test_a_host_with_a_wildcard_is_called_by_one_of_its_names() -> None:
    notes = render({"ingress": {"enabled": True, "host": "*.example.com"}}).notes
    assert "at https://*.example.com\n" in notes
    assert "https://funclet.example.com/2015-03-31/functions/greet/invocations" in notes


def test_metrics_that_can_be_read_give_no_warning() -> None:
    on = {"monitoring": {"serviceMonitor": {"enabled": True}}}
    policies: list[Values] = [{"enabled": False}, {"metrics": {"from": [{"namespaceSelector": {}}]}}]
    for policy in policies:
        assert "metrics.from is empty" not in render({**on, "networkPolicy": policy}).notes


def test_without_a_scope_it_is_said_which_functions_are_fenced_in() -> None:
    assert "fence in the functions of default alone" in render().notes
    listed = {"networkPolicy": {"functions": {"namespaces": ["one", "two"]}}}
    assert "fence in the functions of one, two alone" in render(listed).notes
    assert "fence in" not in render(SCOPED).notes
    assert "fence in" not in render({"networkPolicy": {"enabled": False}}).notes


def test_only_the_leases_of_this_release_are_removed() -> None:
    label = "app.kubernetes.io/managed-by=funclet,funclet.dev/release=prod-funclet"
    assert f"delete leases -l {label}\n" in render(name="prod").notes


def test_with_an_ingress_the_call_goes_there() -> None:
    notes = scenario("everything switched on").notes
    assert "https://functions.example.com/2015-03-31/functions/greet/invocations" in notes
    assert "port-forward" not in notes


@pytest.mark.parametrize(
    ("values", "warning"),
    [
        ({"auth": {"mode": "None"}}, "WARNING: auth.mode is None"),
        ({"networkPolicy": {"enabled": False}}, "WARNING: networkPolicy.enabled is false"),
        ({"gateway": {"service": {"type": "NodePort"}}}, "NodePort, and the gateway speaks plain HTTP"),
        (
            {"gateway": {"service": {"type": "LoadBalancer"}}},
            "LoadBalancer, and the gateway speaks plain HTTP",
        ),
        (
            {"ingress": {"enabled": True, "host": "a.example.com", "tls": {"enabled": False}}},
            "WARNING: ingress.tls.enabled is false",
        ),
        (
            {"monitoring": {"serviceMonitor": {"enabled": True}}},
            "WARNING: networkPolicy.metrics.from is empty",
        ),
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
