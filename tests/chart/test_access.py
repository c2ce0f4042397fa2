"""Ways in, and what watches: all switches, off unless a value says so."""

import json
import re
from collections.abc import Iterator

import pytest

from support.chart import CHART, ROOT, render, scenario

OPTIONAL = ("Ingress", "HTTPRoute", "ServiceMonitor")


def test_nothing_is_open_to_the_outside_by_default() -> None:
    rendered = render()
    assert rendered.all(*OPTIONAL) == []
    assert {service["spec"].get("type", "ClusterIP") for service in rendered.all("Service")} == {"ClusterIP"}


def test_the_public_and_the_internal_port_are_in_services_of_their_own() -> None:
    ports = {
        service["metadata"]["name"]: [port["port"] for port in service["spec"]["ports"]]
        for service in render().all("Service")
    }
    assert ports == {
        "funclet-gateway": [8700],
        "funclet-gateway-internal": [8702],
        "funclet-gateway-metrics": [8701],
        "funclet-operator-metrics": [8701],
    }


def test_services_lead_to_ports_that_the_pods_have() -> None:
    rendered = render()
    pods = [pod for _, pod in rendered.pods()]
    for service in rendered.all("Service"):
        selector = service["spec"]["selector"]
        (pod,) = [pod for pod in pods if selector.items() <= pod["metadata"]["labels"].items()]
        names = {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= names


def test_an_ingress_leads_to_the_gateway_by_https() -> None:
    (ingress,) = scenario("everything switched on").all("Ingress")
    (rule,) = ingress["spec"]["rules"]
    backend = rule["http"]["paths"][0]["backend"]["service"]
    assert backend == {"name": "funclet-gateway", "port": {"name": "http"}}
    assert ingress["spec"]["tls"] == [
        {"hosts": ["functions.example.com"], "secretName": "funclet-gateway-tls"}
    ]


def test_an_ingress_without_tls_is_a_choice() -> None:
    values = {"ingress": {"enabled": True, "host": "functions.example.com", "tls": {"enabled": False}}}
    (ingress,) = render(values).all("Ingress")
    assert "tls" not in ingress["spec"]


def test_an_ingress_leads_to_the_gateway_with_every_path_as_aws_has_them() -> None:
    (ingress,) = render({"ingress": {"enabled": True, "host": "*.example.com"}}).all("Ingress")
    (rule,) = ingress["spec"]["rules"]
    assert rule["host"] == "*.example.com"
    assert [(path["path"], path["pathType"]) for path in rule["http"]["paths"]] == [("/", "Prefix")]


def test_a_route_leads_to_the_gateway_and_another_sends_plain_http_away() -> None:
    rendered = scenario("everything switched on")
    (rule,) = rendered.one("HTTPRoute", "funclet-gateway")["spec"]["rules"]
    assert rule["backendRefs"] == [{"name": "funclet-gateway", "port": 8700}]
    assert rule["timeouts"] == {"request": "905s"}
    (plain,) = rendered.one("HTTPRoute", "funclet-gateway-redirect")["spec"]["rules"]
    assert plain["filters"][0]["requestRedirect"]["scheme"] == "https"


def test_no_way_in_leads_to_another_port_than_the_public_one() -> None:
    for each in scenario("everything switched on").all("Ingress", "HTTPRoute"):
        assert not {"8701", "8702", "admin", "internal"} & set(re.findall(r"\w+", json.dumps(each["spec"])))


def test_metrics_of_both_are_read_through_their_services() -> None:
    rendered = scenario("everything switched on")
    (monitor,) = rendered.all("ServiceMonitor")
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    found = {
        service["metadata"]["name"]
        for service in rendered.all("Service")
        if wanted <= service["metadata"]["labels"].items()
        and endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    }
    assert found == {"funclet-operator-metrics", "funclet-gateway-metrics"}


def expressions() -> Iterator[str]:
    dashboard = json.loads((CHART / "files" / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel["targets"])


@pytest.mark.parametrize("expression", list(expressions()))
def test_the_dashboard_asks_for_metrics_that_there_are(expression: str) -> None:
    source = "".join(path.read_text() for path in (ROOT / "operator/src/funclet/gateway").rglob("*.py"))
    for metric in re.findall(r"funclet_\w+", expression):
        name = re.sub(r"_(total|bucket)$", "", metric)
        assert f'"{name}"' in source


def test_the_dashboard_is_the_file_of_the_chart_under_the_label_that_grafana_looks_for() -> None:
    config = scenario("everything switched on").one("ConfigMap", "funclet-dashboard")
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(config["data"]["funclet.json"]) == json.loads(
        (CHART / "files" / "dashboard.json").read_text()
    )
