"""Every value is set once to something else than its default, and lands where it should and nowhere else."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
import yaml

from support.chart import CHART, NAMESPACE, Rendered, Values, merged
from support.landing import ABSENT, Row, at, both, leaves, nested, objects

VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())

OTHER = "sha256:" + 64 * "b"
OPERATOR, GATEWAY = "Deployment/funclet-operator", "Deployment/funclet-gateway"
SERVICE, TEST, PLATFORM = "Service/funclet-gateway", "Pod/funclet-test", "ConfigMap/funclet-platform"
POD, CONTAINER = "/spec/template/spec", "/spec/template/spec/containers/0"
FILE = "/data/platform.yaml"
POLICY = "NetworkPolicy/funclet"
#: who speaks to the API server, and who asks for names
SPEAKERS = (f"{POLICY}-operator", f"{POLICY}-gateway")
ASKERS = (*SPEAKERS, f"{POLICY}-test", f"{POLICY}-functions@default")
PEER = {"ipBlock": {"cidr": "192.0.2.0/24"}}
GONE: Mapping[str, object] = {"/kind": ABSENT}

Lands = Mapping[str, Mapping[str, object]]


def all_of(names: Iterable[str], places: Mapping[str, object]) -> Lands:
    return dict.fromkeys(names, places)


def images(image: str) -> Lands:
    """Whatever runs Funclet's own image."""
    deployments = all_of((OPERATOR, GATEWAY), {f"{CONTAINER}/image": image})
    return {**deployments, TEST: {"/spec/containers/0/image": image}}


def platform(pointer: str, value: object) -> Lands:
    return {PLATFORM: {f"{FILE}/{pointer}": value}}


def image_rows(path: str, pointer: str, name: str) -> dict[str, Row]:
    """An image that functions run on."""
    said = {
        "registry": ("example.com", "ref", f"example.com/funclet-{name}:0.1.0"),
        "repository": ("other", "ref", "localhost/other:0.1.0"),
        "tag": ("1.2.3", "ref", f"localhost/funclet-{name}:1.2.3"),
        "digest": (OTHER, "digest", OTHER),
    }
    return {
        f"{path}.{key}": Row(value, platform(f"{pointer}/{field}", landed))
        for key, (value, field, landed) in said.items()
    }


def runtime_rows(key: str, index: int, image: str, name: str) -> dict[str, Row]:
    path, pointer = f"runtimes.{key}", f"runtimes/{index}"
    return {
        f"{path}.names": Row([name], platform(f"{pointer}/names", [name])),
        f"{path}.command": Row(["/other"], platform(f"{pointer}/command", ["/other"])),
        **image_rows(f"{path}.image", f"{pointer}/image", image),
    }


def component_rows(component: str) -> dict[str, Row]:
    """What operator and gateway have both."""
    deployment, budget = f"Deployment/funclet-{component}", f"PodDisruptionBudget/funclet-{component}"
    account = f"ServiceAccount/funclet-{component}"
    pair = {component: {"replicas": 2}}

    def pod(value: object, *fields: str, given: Values | None = None) -> Row:
        return Row(value, {deployment: dict.fromkeys(fields, value)}, given or {})

    def also_the_test(value: object, field: str) -> Row:
        """The test's pod is placed and restricted as the gateway's are."""
        test: Lands = {TEST: {f"/spec/{field}": value}} if component == "gateway" else {}
        return Row(value, {deployment: {f"{POD}/{field}": value}, **test})

    selectors = {"labelSelector": {"matchLabels": {"a": "b"}}}
    spread = [{"maxSkew": 1, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule", **selectors}]
    rows = {
        "replicas": Row(5, {deployment: {"/spec/replicas": 5}}, pair),
        "serviceAccount.create": Row(
            False,
            {account.replace(f"funclet-{component}", "mine"): GONE},
            {component: {"serviceAccount": {"name": "mine"}}},
        ),
        "serviceAccount.name": Row("mine", account_lands(component)),
        "serviceAccount.annotations": Row({"a": "b"}, {account: {"/metadata/annotations": {"a": "b"}}}),
        "resources": Row(
            {"requests": {"cpu": "7"}, "limits": {"memory": "7Gi"}},
            {
                deployment: {
                    f"{CONTAINER}/resources/requests/cpu": "7",
                    f"{CONTAINER}/resources/limits/memory": "7Gi",
                }
            },
        ),
        "podSecurityContext": security(component, deployment, "securityContext"),
        "securityContext": security(component, deployment, "containers/0/securityContext"),
        "livenessProbe": Row(
            {"periodSeconds": 77}, {deployment: {f"{CONTAINER}/livenessProbe/periodSeconds": 77}}
        ),
        "readinessProbe": Row(
            {"periodSeconds": 77}, {deployment: {f"{CONTAINER}/readinessProbe/periodSeconds": 77}}
        ),
        "terminationGracePeriodSeconds": pod(77, f"{POD}/terminationGracePeriodSeconds"),
        "priorityClassName": pod("high", f"{POD}/priorityClassName"),
        "nodeSelector": also_the_test({"disk": "ssd"}, "nodeSelector"),
        "tolerations": also_the_test([{"key": "system", "operator": "Exists"}], "tolerations"),
        "affinity": pod({"nodeAffinity": {}}, f"{POD}/affinity"),
        "topologySpreadConstraints": pod(spread, f"{POD}/topologySpreadConstraints"),
        "podLabels": Row({"a": "b"}, {deployment: {"/spec/template/metadata/labels/a": "b"}}),
        "podAnnotations": Row({"a": "b"}, {deployment: {"/spec/template/metadata/annotations/a": "b"}}),
        "extraEnv": Row(
            [{"name": "TZ", "value": "UTC"}],
            {deployment: {f"{CONTAINER}/env/TZ": {"name": "TZ", "value": "UTC"}}},
        ),
        "podDisruptionBudget.enabled": Row(False, {budget: GONE}, pair),
        "podDisruptionBudget.maxUnavailable": Row("50%", {budget: {"/spec/maxUnavailable": "50%"}}, pair),
    }
    return {f"{component}.{path}": row for path, row in rows.items()}


def security(component: str, deployment: str, field: str) -> Row:
    lands = {deployment: {f"{POD}/{field}/runAsUser": 77}}
    test = {TEST: {f"/spec/{field}/runAsUser": 77}} if component == "gateway" else {}
    return Row({"runAsUser": 77}, {**lands, **test})


def account_lands(component: str) -> Lands:
    bound = {
        "operator": ("ClusterRoleBinding/funclet-operator", "RoleBinding/funclet-operator-lease"),
        "gateway": (
            "ClusterRoleBinding/funclet-gateway",
            "ClusterRoleBinding/funclet-gateway-reviews",
            "RoleBinding/funclet-gateway-leases",
        ),
    }
    bindings = all_of(bound[component], {"/subjects/0/name": "mine"})
    return {
        f"Deployment/funclet-{component}": {f"{POD}/serviceAccountName": "mine"},
        f"ServiceAccount/funclet-{component}": GONE,
        "ServiceAccount/mine": {"/metadata/name": "mine"},
        **bindings,
    }


INGRESS: Values = {"ingress": {"enabled": True, "host": "a.example.com"}}
ROUTE: Values = {
    "httpRoute": {
        "enabled": True,
        "parentRefs": [{"name": "secure"}],
        "redirect": {"enabled": True, "parentRefs": [{"name": "plain"}]},
    }
}
MONITOR: Values = {"monitoring": {"serviceMonitor": {"enabled": True}, "dashboard": {"enabled": True}}}
NODE_PORT: Values = {"gateway": {"service": {"type": "NodePort"}}}


def renamed(prefix: str, name: str) -> Any:
    """Whether all names begin so, and the label `name` is this."""

    def holds(rendered: Rendered) -> bool:
        own = [each for each in rendered.objects if each["kind"] != "CustomResourceDefinition"]
        return all(
            each["metadata"]["name"].startswith(f"{prefix}-")
            and each["metadata"]["labels"]["app.kubernetes.io/name"] == name
            for each in own
        )

    return holds


def labelled(rendered: Rendered) -> bool:
    own = [each for each in rendered.objects if each["kind"] != "CustomResourceDefinition"]
    metadata = [each["metadata"] for each in own] + [pod["metadata"] for _, pod in rendered.pods()]
    return all(each["labels"].get("team") == "one" for each in metadata)


def scoped(rendered: Rendered) -> bool:
    env = [each["spec"]["containers"][0].get("env", ()) for _, each in rendered.pods()]
    told = {item["value"] for each in env for item in each if item["name"] == "FUNCLET_NAMESPACES"}
    roles = {each["metadata"]["namespace"] for each in rendered.all("Role", "RoleBinding")}
    return told == {"team-a"} and roles == {"team-a", NAMESPACE} and not rendered.all("ClusterRole")


def without(*kinds: str) -> Any:
    """Whether there is none of these kinds."""
    return lambda rendered: not rendered.all(*kinds)


def kept(rendered: Rendered) -> bool:
    crds = rendered.all("CustomResourceDefinition")
    return bool(crds) and not any("annotations" in each["metadata"] for each in crds)


def moved(*names: str) -> Lands:
    """The policies for functions, from the namespace default to another."""
    policies = [f"{POLICY}-{name}" for name in ("functions", "functions-cluster", "functions-internet")]
    gone: Lands = {f"{each}@default": GONE for each in policies}
    return {
        **gone,
        **{f"{each}@{name}": {"/metadata/namespace": name} for each in policies for name in names},
    }


def secrets(name: str) -> Lands:
    lands: Mapping[str, object] = {f"{POD}/volumes/keys/secret/secretName": name}
    return {OPERATOR: lands, GATEWAY: lands, "Secret/funclet-keys": GONE}


def ports(*numbers: int) -> list[Values]:
    return [{"protocol": "TCP", "port": each} for each in numbers]


def pulled(pointer: str) -> Mapping[str, object]:
    return {pointer: [{"name": "pull"}]}


ROWS: Mapping[str, Row] = {
    "global.imageRegistry": Row(
        "mirror.example.com/all",
        {
            **images("mirror.example.com/all/funclet:0.1.0"),
            PLATFORM: {
                f"{FILE}/supervisorImage/ref": "mirror.example.com/all/funclet-supervisor:0.1.0",
                f"{FILE}/runtimes/0/image/ref": "mirror.example.com/all/funclet-node:0.1.0",
            },
        },
    ),
    "global.imagePullSecrets": Row(
        ["pull"],
        {
            OPERATOR: pulled(f"{POD}/imagePullSecrets"),
            GATEWAY: pulled(f"{POD}/imagePullSecrets"),
            TEST: pulled("/spec/imagePullSecrets"),
        },
    ),
    "nameOverride": Row("other", holds=renamed("funclet-other", "other")),
    "fullnameOverride": Row("other", holds=renamed("other", "funclet")),
    "commonLabels": Row({"team": "one"}, holds=labelled),
    "extraObjects": Row(
        [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "more"}, "data": {"a": "b"}}],
        {"ConfigMap/more": {"/data/a": "b"}},
    ),
    "scope.namespaces": Row(
        ["team-a"], given={"defaultNamespace": "team-a", "auth": {"mode": "Token"}}, holds=scoped
    ),
    "region": Row("eu-west-1", platform("region", "eu-west-1")),
    "defaultNamespace": Row("team-a", {**platform("defaultNamespace", "team-a"), **moved("team-a")}),
    "auth.mode": Row(
        "Token",
        {
            GATEWAY: {f"{CONTAINER}/env/FUNCLET_AUTH/value": "Token"},
            "ClusterRole/funclet-gateway-reviews": GONE,
            "ClusterRoleBinding/funclet-gateway-reviews": GONE,
        },
    ),
    "code.allowHttp": Row(
        True,
        {
            GATEWAY: {f"{CONTAINER}/env/FUNCLET_CODE_ALLOW_HTTP/value": "true"},
            f"{POLICY}-gateway": {"/spec/egress/4/ports": ports(443, 80)},
        },
    ),
    "code.allowedNetworks": Row(
        ["10.96.0.0/16", "fd00:1::/64"],
        {
            GATEWAY: {f"{CONTAINER}/env/FUNCLET_CODE_ALLOWED_NETWORKS/value": "10.96.0.0/16,fd00:1::/64"},
            f"{POLICY}-gateway": {
                "/spec/egress/4/to": [
                    PEER,
                    {"ipBlock": {"cidr": "10.96.0.0/16"}},
                    {"ipBlock": {"cidr": "fd00:1::/64"}},
                ]
            },
        },
        {"networkPolicy": {"gateway": {"to": [PEER]}}},
    ),
    "code.s3.endpoint": Row(
        "http://minio.storage.svc:9000",
        {
            GATEWAY: {f"{CONTAINER}/env/FUNCLET_CODE_S3_ENDPOINT/value": "http://minio.storage.svc:9000"},
            f"{POLICY}-gateway": {"/spec/egress/4/ports": ports(443, 9000)},
        },
    ),
    "code.s3.region": Row("garage", {GATEWAY: {f"{CONTAINER}/env/FUNCLET_CODE_S3_REGION/value": "garage"}}),
    "keys.existingSecret": Row("mine", secrets("mine")),
    "keys.keep": Row(False, {"Secret/funclet-keys": {"/metadata/annotations": ABSENT}}),
    "image.registry": Row("example.com", images("example.com/funclet:0.1.0")),
    "image.repository": Row("other", images("localhost/other:0.1.0")),
    "image.tag": Row("1.2.3", images("localhost/funclet:1.2.3")),
    "image.digest": Row(OTHER, images(f"localhost/funclet:0.1.0@{OTHER}")),
    "image.pullPolicy": Row(
        "Always",
        {
            OPERATOR: {f"{CONTAINER}/imagePullPolicy": "Always"},
            GATEWAY: {f"{CONTAINER}/imagePullPolicy": "Always"},
            TEST: {"/spec/containers/0/imagePullPolicy": "Always"},
        },
    ),
    **image_rows("supervisorImage", "supervisorImage", "supervisor"),
    "supervisorImage.pullPolicy": Row(
        "Always",
        {
            PLATFORM: {
                f"{FILE}/supervisorImage/pullPolicy": "Always",
                **{f"{FILE}/runtimes/{index}/image/pullPolicy": "Always" for index in range(3)},
            }
        },
    ),
    # By their keys.
    **runtime_rows("nodejs", 0, "node", "nodejs22.x"),
    **runtime_rows("provided", 1, "provided", "provided.al2"),
    **runtime_rows("python", 2, "python", "python3.12"),
    "pods.cpuLimit": Row(True, platform("pods/cpuLimit", True)),
    "pods.runAsUser": Row(77, platform("pods/runAsUser", 77)),
    "pods.priorityClassName": Row("high", platform("pods/priorityClassName", "high")),
    "pods.runtimeClassName": Row("gvisor", platform("pods/runtimeClassName", "gvisor")),
    "pods.nodeSelector": Row({"disk": "ssd"}, platform("pods/nodeSelector", {"disk": "ssd"})),
    "pods.tolerations": Row(
        [{"key": "a", "operator": "Exists"}],
        platform("pods/tolerations", [{"key": "a", "operator": "Exists"}]),
    ),
    "pods.imagePullSecrets": Row(["pull"], platform("pods/imagePullSecrets", [{"name": "pull"}])),
    **component_rows("operator"),
    **component_rows("gateway"),
    "gateway.service.type": Row("NodePort", {SERVICE: {"/spec/type": "NodePort"}}),
    "gateway.service.port": Row(
        80,
        {
            SERVICE: {"/spec/ports/0/port": 80},
            "HTTPRoute/funclet-gateway": {"/spec/rules/0/backendRefs/0/port": 80},
            TEST: {
                "/spec/containers/0/command/4": f"http://funclet-gateway.{NAMESPACE}.svc:80/2015-03-31/functions/greet/invocations"
            },
        },
        merged(ROUTE, {"tests": {"invoke": "greet"}}),
    ),
    "gateway.service.nodePort": Row(30870, {SERVICE: {"/spec/ports/0/nodePort": 30870}}, NODE_PORT),
    "gateway.service.annotations": Row({"a": "b"}, {SERVICE: {"/metadata/annotations": {"a": "b"}}}),
    "gateway.heldMegabytes": Row(99, {GATEWAY: {f"{CONTAINER}/env/FUNCLET_HELD_MEGABYTES/value": "99"}}),
    "gateway.cache.sizeLimit": Row("7Gi", {GATEWAY: {f"{POD}/volumes/cache/emptyDir/sizeLimit": "7Gi"}}),
    "ingress.enabled": Row(
        True, {"Ingress/funclet-gateway": {"/kind": "Ingress"}}, {"ingress": {"host": "a.example.com"}}
    ),
    "ingress.className": Row(
        "nginx", {"Ingress/funclet-gateway": {"/spec/ingressClassName": "nginx"}}, INGRESS
    ),
    "ingress.annotations": Row(
        {"a": "b"}, {"Ingress/funclet-gateway": {"/metadata/annotations": {"a": "b"}}}, INGRESS
    ),
    "ingress.host": Row(
        "b.example.com",
        {
            "Ingress/funclet-gateway": {
                "/spec/rules/0/host": "b.example.com",
                "/spec/tls/0/hosts": ["b.example.com"],
            }
        },
        INGRESS,
    ),
    "ingress.tls.enabled": Row(False, {"Ingress/funclet-gateway": {"/spec/tls": ABSENT}}, INGRESS),
    "ingress.tls.secretName": Row(
        "mine", {"Ingress/funclet-gateway": {"/spec/tls/0/secretName": "mine"}}, INGRESS
    ),
    "httpRoute.enabled": Row(
        True,
        {"HTTPRoute/funclet-gateway": {"/kind": "HTTPRoute"}},
        {"httpRoute": {"parentRefs": [{"name": "secure"}]}},
    ),
    "httpRoute.annotations": Row(
        {"a": "b"}, {"HTTPRoute/funclet-gateway": {"/metadata/annotations": {"a": "b"}}}, ROUTE
    ),
    "httpRoute.parentRefs": Row(
        [{"name": "web"}], {"HTTPRoute/funclet-gateway": {"/spec/parentRefs": [{"name": "web"}]}}, ROUTE
    ),
    "httpRoute.hostnames": Row(
        ["a.example.com"],
        {
            "HTTPRoute/funclet-gateway": {"/spec/hostnames": ["a.example.com"]},
            "HTTPRoute/funclet-gateway-redirect": {"/spec/hostnames": ["a.example.com"]},
        },
        ROUTE,
    ),
    "httpRoute.timeout": Row(
        "905s", {"HTTPRoute/funclet-gateway": {"/spec/rules/0/timeouts": {"request": "905s"}}}, ROUTE
    ),
    "httpRoute.redirect.enabled": Row(False, {"HTTPRoute/funclet-gateway-redirect": GONE}, ROUTE),
    "httpRoute.redirect.parentRefs": Row(
        [{"name": "web"}],
        {"HTTPRoute/funclet-gateway-redirect": {"/spec/parentRefs": [{"name": "web"}]}},
        ROUTE,
    ),
    "networkPolicy.enabled": Row(False, holds=without("NetworkPolicy")),
    "networkPolicy.apiServer.ports": Row(
        [16443],
        all_of(
            SPEAKERS,
            {"/spec/egress/1/ports": [{"protocol": "TCP", "port": 16443}]},
        ),
    ),
    "networkPolicy.apiServer.to": Row([PEER], all_of(SPEAKERS, {"/spec/egress/1/to": [PEER]})),
    "networkPolicy.dns.to": Row(
        [PEER],
        all_of(
            ASKERS,
            {"/spec/egress/0/to": [PEER]},
        ),
    ),
    "networkPolicy.dns.ports": Row(
        [5353],
        all_of(
            ASKERS,
            {"/spec/egress/0/ports": [{"protocol": each, "port": 5353} for each in ("UDP", "TCP")]},
        ),
    ),
    "networkPolicy.gateway.from": Row([PEER], {f"{POLICY}-gateway": {"/spec/ingress/0/from/0": PEER}}),
    "networkPolicy.gateway.to": Row([PEER], {f"{POLICY}-gateway": {"/spec/egress/4/to": [PEER]}}),
    "networkPolicy.gateway.ports": Row(
        [8443], {f"{POLICY}-gateway": {"/spec/egress/4/ports": [{"protocol": "TCP", "port": 8443}]}}
    ),
    "networkPolicy.metrics.from": Row(
        [PEER],
        {
            f"{POLICY}-operator": {"/spec/ingress/0/from/0": PEER},
            f"{POLICY}-gateway": {"/spec/ingress/2/from/0": PEER},
        },
    ),
    "networkPolicy.functions.namespaces": Row(["one", "two"], moved("one", "two")),
    "networkPolicy.functions.denied": Row(
        ["10.0.0.0/8"],
        {
            f"{POLICY}-functions-internet@default": {
                "/spec/egress/0/to/0/ipBlock/except": ["10.0.0.0/8"],
                "/spec/egress/0/to/1/ipBlock/except": [],
            }
        },
    ),
    "crds.enabled": Row(False, holds=without("CustomResourceDefinition")),
    "crds.keep": Row(False, holds=kept),
    "priorityClass.create": Row(
        False,
        {
            "PriorityClass/funclet-platform": GONE,
            "Deployment/funclet-operator": {f"{POD}/priorityClassName": ABSENT},
            "Deployment/funclet-gateway": {f"{POD}/priorityClassName": ABSENT},
        },
    ),
    "priorityClass.value": Row(7, {"PriorityClass/funclet-platform": {"/value": 7}}),
    "rbac.create": Row(False, holds=without("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")),
    "rbac.aggregate": Row(
        False,
        {
            "ClusterRole/funclet-view": {
                f"/metadata/labels/rbac.authorization.k8s.io~1aggregate-to-{each}": ABSENT
                for each in ("view", "edit", "admin")
            },
            "ClusterRole/funclet-edit": {
                f"/metadata/labels/rbac.authorization.k8s.io~1aggregate-to-{each}": ABSENT
                for each in ("edit", "admin")
            },
        },
    ),
    "monitoring.serviceMonitor.enabled": Row(True, {"ServiceMonitor/funclet": {"/kind": "ServiceMonitor"}}),
    "monitoring.serviceMonitor.labels": Row(
        {"release": "prom"}, {"ServiceMonitor/funclet": {"/metadata/labels/release": "prom"}}, MONITOR
    ),
    "monitoring.serviceMonitor.interval": Row(
        "77s", {"ServiceMonitor/funclet": {"/spec/endpoints/0/interval": "77s"}}, MONITOR
    ),
    "monitoring.dashboard.enabled": Row(True, {"ConfigMap/funclet-dashboard": {"/kind": "ConfigMap"}}),
    "monitoring.dashboard.labels": Row(
        {"a": "b"}, {"ConfigMap/funclet-dashboard": {"/metadata/labels/a": "b"}}, MONITOR
    ),
    "tests.enabled": Row(False, {TEST: GONE, f"{POLICY}-test": GONE}),
    "tests.invoke": Row(
        "greet",
        {
            TEST: {
                "/spec/containers/0/command/4": f"http://funclet-gateway.{NAMESPACE}.svc:8700/2015-03-31/functions/greet/invocations",
                "/spec/volumes/token/secret/secretName": "own",
            }
        },
    ),
}


def test_every_value_has_a_row() -> None:
    assert set(leaves(VALUES, SCHEMA)) == ROWS.keys()


@pytest.mark.parametrize("path", ROWS)
def test_a_value_lands_where_it_should_and_nowhere_else(path: str) -> None:
    row = ROWS[path]
    without_it, with_it = both(path, row)
    if row.holds is not None:
        assert row.holds(with_it)
        assert not row.holds(without_it)
        return
    before, after = objects(without_it), objects(with_it)
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert changed == row.lands.keys()
    for name, places in row.lands.items():
        for pointer, landed in places.items():
            assert at(after.get(name), pointer) == landed
            assert at(before.get(name), pointer) != landed


def test_no_row_sets_what_is_given_already() -> None:
    for path, row in ROWS.items():
        given = merged(VALUES, row.given)
        assert merged(given, nested(path, row.value)) != given, path
