"""Everything is denied that is not named here, for Funclet's own pods and for those of functions."""

from collections.abc import Iterator
from typing import Any

import pytest

from support.chart import FUNCTION_LABELS, NAMESPACE, SCOPED, Object, Rendered, render, selects

RELEASE = {"kubernetes.io/metadata.name": NAMESPACE}
TENANT = {"kubernetes.io/metadata.name": "default"}
ELSEWHERE = {"kubernetes.io/metadata.name": "elsewhere"}
DNS = {"kubernetes.io/metadata.name": "kube-system"}


def policies(rendered: Rendered, labels: dict[str, str], namespace: str, direction: str) -> Iterator[Object]:
    """Policies that hold for a pod in this direction."""
    for each in rendered.all("NetworkPolicy"):
        spec = each["spec"]
        if (
            each["metadata"]["namespace"] == namespace
            and direction in spec["policyTypes"]
            and selects(spec["podSelector"], labels)
        ):
            yield spec


def own(component: str, rendered: Rendered) -> dict[str, str]:
    labels: dict[str, str] = dict(rendered.pods())[component]["metadata"]["labels"]
    return labels


def open_ports(specs: list[Object], side: str, peer: dict[str, str], namespace: dict[str, str]) -> set[int]:
    """Ports that these policies open to a peer; 0 stands for all of them."""
    rules = [rule for spec in specs for rule in spec.get("ingress" if side == "from" else "egress", ())]
    found: set[int] = set()
    for rule in rules:
        peers = rule.get(side)
        if peers is None or any(is_peer(each, peer, namespace) for each in peers):
            found |= {port["port"] for port in rule.get("ports", [{"port": 0}])}
    return found


def is_peer(each: dict[str, Any], labels: dict[str, str], namespace: dict[str, str]) -> bool:
    """Whether a pod is a peer; a selector of pods alone is about the release's own namespace."""
    if "ipBlock" in each:
        return False
    in_namespace = (
        selects(each["namespaceSelector"], namespace) if "namespaceSelector" in each else namespace == RELEASE
    )
    return in_namespace and selects(each.get("podSelector", {}), labels)


@pytest.mark.parametrize("component", ["operator", "gateway", "test"])
def test_every_pod_of_the_release_is_closed_until_a_policy_opens_it(component: str) -> None:
    rendered = render()
    for direction in ("Ingress", "Egress"):
        specs = list(policies(rendered, own(component, rendered), NAMESPACE, direction))
        assert any(not spec.get("ingress") and not spec.get("egress") for spec in specs)


def test_a_pod_of_a_function_is_reached_by_gateways_alone_and_on_one_port() -> None:
    rendered = render()
    specs = list(policies(rendered, FUNCTION_LABELS, "default", "Ingress"))
    gateway, operator = own("gateway", rendered), own("operator", rendered)
    assert specs
    assert open_ports(specs, "from", gateway, RELEASE) == {8901}
    assert open_ports(specs, "from", operator, RELEASE) == set()
    assert open_ports(specs, "from", FUNCTION_LABELS, TENANT) == set()
    # Whoever copies a gateway's labels is still in another namespace.
    assert open_ports(specs, "from", gateway, ELSEWHERE) == set()


def test_a_gateway_is_called_by_everybody_and_told_by_functions_and_gateways() -> None:
    rendered = render()
    specs = list(policies(rendered, own("gateway", rendered), NAMESPACE, "Ingress"))
    assert open_ports(specs, "from", {}, ELSEWHERE) == {8700}
    assert open_ports(specs, "from", FUNCTION_LABELS, TENANT) == {8700, 8702}
    assert open_ports(specs, "from", own("gateway", rendered), RELEASE) == {8700, 8701, 8702}


def test_the_operator_is_asked_for_metrics_and_for_nothing_else() -> None:
    rendered = render()
    specs = list(policies(rendered, own("operator", rendered), NAMESPACE, "Ingress"))
    assert open_ports(specs, "from", {}, RELEASE) == {8701}
    assert open_ports(specs, "from", FUNCTION_LABELS, TENANT) == set()


def test_the_operator_reaches_no_function() -> None:
    rendered = render()
    specs = list(policies(rendered, own("operator", rendered), NAMESPACE, "Egress"))
    assert open_ports(specs, "to", FUNCTION_LABELS, TENANT) == {443, 6443}
    assert open_ports(specs, "to", {}, DNS) == {53, 443, 6443}


def test_a_gateway_reaches_functions_on_the_port_of_invocations() -> None:
    rendered = render()
    specs = list(policies(rendered, own("gateway", rendered), NAMESPACE, "Egress"))
    assert open_ports(specs, "to", FUNCTION_LABELS, TENANT) == {443, 6443, 8901}
    assert open_ports(specs, "to", own("gateway", rendered), RELEASE) == {443, 6443, 8702}


def code_rule(rendered: Rendered) -> Object:
    """The rule by which code comes."""
    rules: list[Object] = rendered.one("NetworkPolicy", "funclet-gateway")["spec"]["egress"]
    return rules[-1]


@pytest.mark.parametrize(
    ("code", "listed", "opened"),
    [
        ({}, [443], [443]),
        ({}, [8443, 443], [8443, 443]),
        ({"allowHttp": True}, [443], [443, 80]),
        ({"allowHttp": True}, [443, 80, 8080], [443, 80, 8080]),
        ({"s3": {"endpoint": "http://minio.storage.svc:9000"}}, [443], [443, 9000]),
        ({"s3": {"endpoint": "http://minio.storage.svc:9000/"}}, [443], [443, 9000]),
        ({"s3": {"endpoint": "http://minio.storage.svc"}}, [443], [443, 80]),
        ({"s3": {"endpoint": "https://s3.example.com"}}, [443], [443]),
        ({"s3": {"endpoint": "https://s3.example.com"}}, [8443], [8443, 443]),
        ({"s3": {"endpoint": "http://[fd00::1]"}}, [443], [443, 80]),
        ({"s3": {"endpoint": "http://[fd00::1]:9000"}}, [443, 9000], [443, 9000]),
    ],
)
def test_the_ports_on_which_code_comes_follow_from_where_it_may_come_from(
    code: Object, listed: list[int], opened: list[int]
) -> None:
    rule = code_rule(render({"code": code, "networkPolicy": {"gateway": {"ports": listed}}}))
    assert [each["port"] for each in rule["ports"]] == opened
    assert {each["protocol"] for each in rule["ports"]} == {"TCP"}


def test_an_allowed_network_is_reached_where_peers_are_listed_and_where_all_are() -> None:
    store = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "storage"}}}
    code = {"allowedNetworks": ["10.96.0.0/16"]}
    assert "to" not in code_rule(render({"code": code}))
    listed = render({"code": code, "networkPolicy": {"gateway": {"to": [store]}}})
    assert code_rule(listed)["to"] == [store, {"ipBlock": {"cidr": "10.96.0.0/16"}}]


@pytest.mark.parametrize(
    ("egress", "reached"),
    [
        (None, {"cluster", "internet"}),
        ("Internet", {"cluster", "internet"}),
        ("Cluster", {"cluster"}),
        ("None", set()),
    ],
)
def test_a_function_goes_out_as_far_as_its_label_says(egress: str | None, reached: set[str]) -> None:
    rendered = render()
    labels = FUNCTION_LABELS | ({"funclet.dev/egress": egress} if egress else {})
    specs = list(policies(rendered, labels, "default", "Egress"))
    assert (0 in open_ports(specs, "to", {}, ELSEWHERE)) is ("cluster" in reached)
    blocks = [peer for spec in specs for rule in spec["egress"] for peer in rule["to"] if "ipBlock" in peer]
    assert bool(blocks) is ("internet" in reached)
    # Names are found and code is fetched in any case.
    assert 53 in open_ports(specs, "to", {}, DNS)
    assert 8702 in open_ports(specs, "to", own("gateway", rendered), RELEASE)


def test_no_function_reaches_the_metadata_service() -> None:
    specs = list(policies(render(), FUNCTION_LABELS, "default", "Egress"))
    blocks = {
        peer["ipBlock"]["cidr"]: peer["ipBlock"]["except"]
        for spec in specs
        for rule in spec["egress"]
        for peer in rule["to"]
        if "ipBlock" in peer
    }
    assert blocks == {"0.0.0.0/0": ["169.254.0.0/16"], "::/0": ["fe80::/10", "fd00:ec2::254/128"]}


@pytest.mark.parametrize(
    ("values", "namespaces"),
    [
        ({}, {"default"}),
        (SCOPED, {"team-a", "team-b"}),
        ({"networkPolicy": {"functions": {"namespaces": ["one", "two"]}}}, {"one", "two"}),
    ],
)
def test_policies_for_functions_are_put_where_functions_are(values: Object, namespaces: set[str]) -> None:
    found = {each["metadata"]["namespace"] for each in render(values).all("NetworkPolicy")}
    assert found - {NAMESPACE} == namespaces


def test_a_value_narrows_who_may_call_and_who_reads_metrics() -> None:
    peer = {"namespaceSelector": {"matchLabels": ELSEWHERE}}
    rendered = render({"networkPolicy": {"gateway": {"from": [peer]}, "metrics": {"from": [peer]}}})
    specs = list(policies(rendered, own("gateway", rendered), NAMESPACE, "Ingress"))
    assert open_ports(specs, "from", {}, ELSEWHERE) == {8700, 8701}
    assert open_ports(specs, "from", {}, TENANT) == set()
    assert open_ports(specs, "from", own("test", rendered), RELEASE) == {8700, 8701}


def test_in_a_scope_the_gateway_hears_functions_of_its_namespaces_alone() -> None:
    rendered = render(SCOPED)
    specs = list(policies(rendered, own("gateway", rendered), NAMESPACE, "Ingress"))
    assert 8702 in open_ports(specs, "from", FUNCTION_LABELS, {"kubernetes.io/metadata.name": "team-b"})
    assert 8702 not in open_ports(specs, "from", FUNCTION_LABELS, TENANT)


def test_without_policies_there_are_none() -> None:
    assert render({"networkPolicy": {"enabled": False}}).all("NetworkPolicy") == []
