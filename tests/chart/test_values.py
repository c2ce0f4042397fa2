"""Values: each one explained, each one checked, and every mistake told in words."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from helm_python import HelmRenderError, HelmValuesError

from funclet.api.runtimes import DEPRECATED, RUNTIMES
from support.chart import CHART, DIGEST, SCOPED, render
from support.landing import nested

TEXT = (CHART / "values.yaml").read_text()
VALUES: dict[str, Any] = yaml.safe_load(TEXT)
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())

_KEY = re.compile(r"( *)([A-Za-z0-9]+):")

Node = dict[str, Any]

#: without its image's repository
RUBY: Node = {"names": ["ruby3.4"], "image": {"digest": DIGEST}, "command": ["/ruby"]}


def resolved(node: Node) -> Node:
    if "$ref" not in node:
        return node
    target: Node = SCHEMA["$defs"][node["$ref"].rpartition("/")[2]]
    return target


def schema_objects(node: Node, path: str) -> Iterator[tuple[str, Node]]:
    """Every object of the schema by its path, also those that others share."""
    node = resolved(node)
    if "object" in node.get("type", ()):
        yield path, node
    for name, below in node.get("properties", {}).items():
        yield from schema_objects(below, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            yield from schema_objects(node[key], f"{path}[]")


def own_keys(values: Node, node: Node, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Keys that are the chart's own words: what Kubernetes defines is left to its documentation."""
    for name, value in values.items():
        below = resolved(node).get("properties", {}).get(name) or resolved(node).get("additionalProperties")
        yield (*path, name)
        if isinstance(value, dict) and below and resolved(below) not in kubernetes_s_own():
            yield from own_keys(value, below, (*path, name))


def kubernetes_s_own() -> list[Node]:
    return [SCHEMA["$defs"][name] for name in ("free", "labels", "annotations", "resources")]


def commented_keys() -> set[tuple[str, ...]]:
    """Keys right under a comment, or named in the line of one."""
    found: set[tuple[str, ...]] = set()
    path: list[str] = []
    lines = TEXT.splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        key = _KEY.match(line)
        if key:
            path[len(key[1]) // 2 :] = [key[2]]
            if before.strip().startswith("# "):
                found.add(tuple(path))
    return found


@pytest.mark.parametrize("path", list(own_keys(VALUES, SCHEMA)), ids=".".join)
def test_a_value_is_explained(path: tuple[str, ...]) -> None:
    assert path in commented_keys()


def test_a_leaf_s_comment_is_marked_as_one_and_a_group_s_is_not() -> None:
    marked = re.findall(r"# -- .*\n(?: *#.*\n)* *([A-Za-z]+):", TEXT)
    assert {"mode", "replicas", "digest", "namespaces", "denied"} <= set(marked)
    assert not {"global", "scope", "auth", "keys", "operator", "gateway", "networkPolicy"} & set(marked)


def test_values_and_schema_know_the_same_keys() -> None:
    for path in own_keys(VALUES, SCHEMA):
        node = SCHEMA
        for name in path:
            properties = resolved(node).get("properties", {})
            node = properties[name] if name in properties else resolved(node)["additionalProperties"]
    assert SCHEMA["properties"].keys() == VALUES.keys()


@pytest.mark.parametrize(
    ("path", "node"),
    [pytest.param(path, node, id=path or "top") for path, node in schema_objects(SCHEMA, "")],
)
def test_an_object_of_the_schema_lets_no_unknown_key_through(path: str, node: Node) -> None:
    if path == ".global":
        # What parent charts share with all of their children passes through here.
        assert "additionalProperties" not in node
    elif "properties" in node:
        assert node["additionalProperties"] is False
    else:
        assert node in kubernetes_s_own() or "additionalProperties" in node or path.endswith("[]")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"gatewy": {}}, "additional properties 'gatewy' not allowed"),
        ({"gateway": {"replica": 3}}, "at '/gateway': additional properties 'replica' not allowed"),
        ({"gateway": {"replicas": 0}}, "at '/gateway/replicas': minimum: got 0, want 1"),
        ({"gateway": {"replicas": "2"}}, "at '/gateway/replicas': got string, want integer"),
        (
            {"auth": {"mode": "none"}},
            "at '/auth/mode': value must be one of 'Kubernetes', 'Token', 'None'",
        ),
        ({"auth": {"mode": None}}, "at '/auth': missing property 'mode'"),
        ({"image": {"digest": "abc"}}, "at '/image/digest': 'abc' does not match pattern"),
        ({"image": {"repository": "a b"}}, "at '/image/repository': 'a b' does not match pattern"),
        ({"scope": {"namespaces": "one"}}, "at '/scope/namespaces': got string, want array"),
        ({"scope": {"namespaces": ["A"]}}, "at '/scope/namespaces/0': 'A' does not match pattern"),
        ({"runtimes": {"x": {"names": ["x"]}}}, "at '/runtimes/x': missing properties 'image', 'command'"),
        ({"gateway": {"service": {"port": 70000}}}, "at '/gateway/service/port': maximum: got 70,000"),
        ({"pods": {"runAsUser": 0}}, "at '/pods/runAsUser': minimum: got 0, want 1"),
        ({"runtimes": {"ruby": RUBY}}, "at '/runtimes/ruby/image': missing property 'repository'"),
        (
            {"runtimes": {"python": {"names": ["python9"]}}},
            "at '/runtimes/python/names/0': value must be one of 'python'",
        ),
        (
            {"pods": {"tolerations": [{"keys": "a"}]}},
            "at '/pods/tolerations/0': additional properties 'keys' not allowed",
        ),
        (
            {"gateway": {"tolerations": [{"effect": "No"}]}},
            "at '/gateway/tolerations/0/effect': value must be one of 'NoSchedule'",
        ),
        ({"commonLabels": {"a b": "c"}}, "at '/commonLabels': additional properties 'a b' not allowed"),
        ({"pods": {"nodeSelector": {"a": "b c"}}}, "at '/pods/nodeSelector/a': 'b c' does not match pattern"),
        *[
            (
                {"gateway": {"podDisruptionBudget": {"maxUnavailable": share}}},
                f"at '/gateway/podDisruptionBudget/maxUnavailable': '{share}' does not match pattern",
            )
            for share in ("999%", "101%", "50", "%")
        ],
        *[
            (
                {"gateway": {"resources": {"limits": {"memory": quantity}}}},
                f"at '/gateway/resources/limits/memory': '{quantity}' does not match pattern",
            )
            for quantity in ("1.2.3Gi", "1K", ".", "1gi", "-1")
        ],
        ({"gateway": {"cache": {"sizeLimit": "4K"}}}, "at '/gateway/cache/sizeLimit': '4K' does not match"),
        ({"gateway": {"heldMegabytes": 7}}, "at '/gateway/heldMegabytes': minimum: got 7, want 8"),
        ({"ingress": {"path": "/functions"}}, "at '/ingress': additional properties 'path' not allowed"),
        *[
            ({"ingress": {"host": host}}, f"at '/ingress/host': '{host}' does not match pattern")
            for host in ("*", "a.*.b", "a..b", "A.b", "a.b/c")
        ],
        ({"scope": {"namespaces": ["a" * 64]}}, "at '/scope/namespaces/0': maxLength: got 64, want 63"),
        ({"nameOverride": "a" * 64}, "at '/nameOverride': maxLength: got 64, want 63"),
        *[
            (nested(path, ["a", "a"]), f"at '/{path.replace('.', '/')}': items at 0 and 1 are equal")
            for path in (
                "scope.namespaces",
                "global.imagePullSecrets",
                "pods.imagePullSecrets",
                "httpRoute.hostnames",
                "networkPolicy.functions.namespaces",
            )
        ],
        *[
            (
                nested("networkPolicy.functions.denied", [cidr]),
                f"at '/networkPolicy/functions/denied/0': '{cidr}' does not match pattern",
            )
            for cidr in ("10.0.0.0", "10.0.0/8", "0.0.0.0/0", "::/0", "a/8")
        ],
        *[
            (
                nested("code.allowedNetworks", [cidr]),
                f"at '/code/allowedNetworks/0': '{cidr}' does not match pattern",
            )
            for cidr in ("10.0.0.0", "10.0.0/8", "minio/32", "10.0.0.0/255.0.0.0", "fe80::1%eth0/64")
        ],
        *[
            (
                nested("code.s3.endpoint", endpoint),
                f"at '/code/s3/endpoint': '{endpoint}' does not match pattern",
            )
            for endpoint in (
                "minio.storage.svc:9000",
                "s3://bucket",
                "http://user:secret@minio",
                "http://minio/bucket",
                "http://minio?x",
                "http://minio:0",
                "http://-minio",
            )
        ],
        ({"code": {"s3": {"region": "EU"}}}, "at '/code/s3/region': 'EU' does not match pattern"),
        ({"code": {"allowedNetworks": 2 * ["10.0.0.0/8"]}}, "items at 0 and 1 are equal"),
        ({"code": {"allowHttp": "yes"}}, "at '/code/allowHttp': got string, want boolean"),
    ],
)
def test_a_wrong_value_is_told_by_its_place(values: Node, told: str) -> None:
    with pytest.raises(HelmValuesError) as refused:
        render(values)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            {**SCOPED, "auth": {"mode": "Kubernetes"}},
            "tokens of Kubernetes cannot be checked without one: set auth.mode to Token",
        ),
        (
            {**SCOPED, "defaultNamespace": "default"},
            r"defaultNamespace is default, which is not one of scope.namespaces \(team-a, team-b\)",
        ),
        ({"ingress": {"enabled": True}}, "ingress.host is needed with ingress.enabled"),
        ({"httpRoute": {"enabled": True}}, "httpRoute.parentRefs is needed with httpRoute.enabled"),
        (
            {"httpRoute": {"redirect": {"enabled": True}}},
            "httpRoute.redirect.parentRefs is needed with httpRoute.redirect.enabled",
        ),
        (
            {"gateway": {"serviceAccount": {"create": False}}},
            "gateway.serviceAccount.name is needed where gateway.serviceAccount.create is false",
        ),
        (
            {"gateway": {"service": {"nodePort": 30870}}},
            "gateway.service.nodePort needs gateway.service.type NodePort or LoadBalancer",
        ),
        (
            {each: {"serviceAccount": {"name": "mine"}} for each in ("operator", "gateway")},
            "operator.serviceAccount.name and gateway.serviceAccount.name are both mine, and both make it",
        ),
        (
            {"runtimes": {"nodejs": {"names": ["nodejs24.x", "python"]}}},
            "runtimes.nodejs.names and runtimes.python.names both have python, which can mean one runtime only",
        ),
        *[
            (nested(path, {label: "mine"}), f"{path} must not have the label {label}: it is the chart's own")
            for path in (
                "commonLabels",
                "operator.podLabels",
                "gateway.podLabels",
                "monitoring.serviceMonitor.labels",
                "monitoring.dashboard.labels",
            )
            for label in (
                "app.kubernetes.io/name",
                "app.kubernetes.io/instance",
                "app.kubernetes.io/component",
                "app.kubernetes.io/managed-by",
                "helm.sh/chart",
            )
        ],
        (
            {"operator": {"extraEnv": [{"name": "FUNCLET_RELEASE", "value": "x"}]}},
            "operator.extraEnv must not have FUNCLET_RELEASE, which is there already",
        ),
        (
            {"gateway": {"extraEnv": [{"name": "FUNCLET_AUTH", "value": "None"}]}},
            "gateway.extraEnv must not have FUNCLET_AUTH, which is there already",
        ),
        (
            {"gateway": {"extraEnv": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}},
            "gateway.extraEnv must not have A, which is there already",
        ),
    ],
)
def test_values_that_do_not_go_together_are_told_with_what_to_do(values: Node, told: str) -> None:
    with pytest.raises(HelmRenderError, match=told):
        render(values)


@pytest.mark.parametrize(
    "quantity", ["1", "0.5", ".5", "1.", "500m", "1k", "1Ki", "1.5Gi", "1e3", "2E", 1, 0.5]
)
def test_a_quantity_as_kubernetes_has_it_is_taken(quantity: object) -> None:
    rendered = render({"gateway": {"resources": {"limits": {"memory": quantity}}}})
    pod = rendered.one("Deployment", "funclet-gateway")["spec"]["template"]
    assert pod["spec"]["containers"][0]["resources"]["limits"]["memory"] == quantity


def test_the_schema_knows_the_names_of_runtimes_that_the_code_knows() -> None:
    assert set(SCHEMA["$defs"]["runtimeName"]["enum"]) == {*RUNTIMES, *DEPRECATED}


@pytest.mark.parametrize("share", ["0%", "50%", "100%", 0, 3])
def test_a_budget_is_a_number_or_a_share(share: object) -> None:
    rendered = render({"gateway": {"podDisruptionBudget": {"maxUnavailable": share}}})
    assert rendered.one("PodDisruptionBudget", "funclet-gateway")["spec"]["maxUnavailable"] == share
