"""Funclet's own pods: restricted, probed, spread, and by images that are named for good."""

import re
from collections.abc import Iterator

import pytest
from helm_python import HelmRenderError

from funclet.process.settings import GatewaySettings, read_settings
from support.chart import DIGEST, SCENARIOS, Object, render, scenario

ALLOWED_VOLUMES = {"configMap", "downwardAPI", "emptyDir", "projected", "secret"}
COMPONENTS = ("operator", "gateway")

every_pod = pytest.mark.parametrize(
    ("name", "component", "pod"),
    [
        pytest.param(name, component, pod, id=f"{name}-{component}")
        for name in SCENARIOS
        for component, pod in scenario(name).pods()
    ],
)


def containers(pod: Object) -> Iterator[Object]:
    for field in ("initContainers", "containers"):
        yield from pod["spec"].get(field, ())


@every_pod
def test_a_pod_is_restricted_as_the_pod_security_standard_has_it(
    name: str, component: str, pod: Object
) -> None:
    spec = pod["spec"]
    assert not {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"} & spec.keys(), (name, component)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for volume in spec.get("volumes", ()):
        assert volume.keys() - {"name"} <= ALLOWED_VOLUMES
    for container in containers(pod):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert not context.get("privileged")
        assert all("hostPort" not in port for port in container.get("ports", ()))


@every_pod
def test_a_pod_has_a_root_file_system_that_is_read_only_and_bounded_room_to_write(
    name: str, component: str, pod: Object
) -> None:
    for container in containers(pod):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True, (name, component)
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]
    for volume in pod["spec"].get("volumes", ()):
        assert volume.get("emptyDir", {"sizeLimit": ""}).keys() == {"sizeLimit"}


@every_pod
def test_an_image_has_a_version(name: str, component: str, pod: Object) -> None:
    for container in containers(pod):
        assert re.fullmatch(r"\S+/\S+:[0-9]+\.[0-9]+\.[0-9]+", container["image"]), (name, component)


@every_pod
def test_no_secret_is_in_an_environment(name: str, component: str, pod: Object) -> None:
    for container in containers(pod):
        for variable in container.get("env", ()):
            assert "secretKeyRef" not in variable.get("valueFrom", {}), (name, component)
        assert "envFrom" not in container


@pytest.mark.parametrize("component", COMPONENTS)
def test_what_serves_is_probed_on_its_administration_port(component: str) -> None:
    (pod,) = [pod for found, pod in render().pods() if found == component]
    (container,) = containers(pod)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    paths = {"livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    for probe, path in paths.items():
        assert container[probe]["httpGet"]["path"] == path
        assert ports[container[probe]["httpGet"]["port"]] == 8701


def test_each_process_is_told_where_everything_is() -> None:
    told = {
        component: {each["name"]: each for each in next(containers(pod)).get("env", ())}
        for component, pod in render().pods()
    }
    both = {
        "FUNCLET_PLATFORM",
        "FUNCLET_KEYS",
        "FUNCLET_NAMESPACES",
        "FUNCLET_RELEASE",
        "FUNCLET_ADMIN_PORT",
        "FUNCLET_CACHE",
        "FUNCLET_IDENTITY",
        "FUNCLET_NAMESPACE",
        "FUNCLET_POD_IP",
    }
    assert told["operator"].keys() == both
    assert told["gateway"].keys() == both | {
        "FUNCLET_AUTH",
        "FUNCLET_PORT",
        "FUNCLET_INTERNAL_PORT",
        "FUNCLET_HELD_MEGABYTES",
        "FUNCLET_CODE_ALLOW_HTTP",
        "FUNCLET_CODE_ALLOWED_NETWORKS",
        "FUNCLET_CODE_S3_ENDPOINT",
        "FUNCLET_CODE_S3_REGION",
    }


def test_a_gateway_holds_as_much_as_the_code_says_and_well_below_its_memory() -> None:
    (pod,) = [pod for component, pod in render().pods() if component == "gateway"]
    (container,) = containers(pod)
    held = next(each["value"] for each in container["env"] if each["name"] == "FUNCLET_HELD_MEGABYTES")
    assert int(held) == GatewaySettings.model_fields["held_megabytes"].default
    assert container["resources"]["limits"]["memory"] == "1Gi"
    assert int(held) <= 1024 // 2


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_gateway_reads_its_variables_as_the_chart_writes_them(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pod,) = [pod for component, pod in scenario(name).pods() if component == "gateway"]
    for variable in next(containers(pod))["env"]:
        monkeypatch.setenv(variable["name"], variable.get("value", "of-the-pod"))
    settings = read_settings(GatewaySettings)
    assert settings.code_allow_http is (name == "code from inside")
    if name == "code from inside":
        assert [str(each) for each in settings.code_allowed_networks] == ["10.96.0.0/16", "fd00:1::/64"]
        assert settings.code_s3_endpoint == "http://minio.storage.svc:9000"
        assert settings.code_s3_region == "garage"
    else:
        assert settings.code_allowed_networks == ()
        assert (settings.code_s3_endpoint, settings.code_s3_region) == (None, None)


def test_a_label_of_one_s_own_is_written_once_and_the_pod_s_decides_over_that_of_all() -> None:
    values = {"commonLabels": {"team": "all"}, "gateway": {"podLabels": {"team": "gateway"}}}
    labels = {component: pod["metadata"]["labels"]["team"] for component, pod in render(values).pods()}
    assert labels == {"operator": "all", "gateway": "gateway", "test": "all"}


def test_the_checksum_cannot_be_taken_away_by_an_annotation() -> None:
    values = {"operator": {"podAnnotations": {"checksum/platform": "none"}}}
    (pod,) = [pod for component, pod in render(values).pods() if component == "operator"]
    assert len(pod["metadata"]["annotations"]["checksum/platform"]) == 64


@pytest.mark.parametrize("component", COMPONENTS)
def test_folders_that_a_process_is_told_of_are_mounted(component: str) -> None:
    (pod,) = [pod for found, pod in render().pods() if found == component]
    (container,) = containers(pod)
    mounts = {each["mountPath"]: each.get("readOnly", False) for each in container["volumeMounts"]}
    env = {each["name"]: each.get("value") for each in container["env"]}
    assert env["FUNCLET_PLATFORM"] == "/etc/funclet/platform/platform.yaml"
    assert mounts == {
        "/etc/funclet/platform": True,
        env["FUNCLET_KEYS"]: True,
        env["FUNCLET_CACHE"]: False,
        "/tmp": False,  # noqa: S108 -- a path in the pod
    }


@pytest.mark.parametrize(
    ("values", "spread"),
    [
        ({}, ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]),
        (SCENARIOS["placed"], ["rack"]),
    ],
)
@pytest.mark.parametrize("component", COMPONENTS)
def test_pods_are_spread_over_zones_and_nodes_unless_a_value_says_how(
    component: str, values: Object, spread: list[str]
) -> None:
    (pod,) = [pod for found, pod in render(values).pods() if found == component]
    assert [each["topologyKey"] for each in pod["spec"]["topologySpreadConstraints"]] == spread
    assert ("podAntiAffinity" in pod["spec"]["affinity"]) is (values == {})


@pytest.mark.parametrize(("replicas", "budgets"), [(1, 0), (2, 1), (5, 1)])
@pytest.mark.parametrize("component", COMPONENTS)
def test_a_disruption_budget_stands_where_there_is_more_than_one_pod(
    component: str, replicas: int, budgets: int
) -> None:
    rendered = render({component: {"replicas": replicas}})
    names = [each["metadata"]["name"] for each in rendered.all("PodDisruptionBudget")]
    assert names.count(f"funclet-{component}") == budgets


def test_a_pod_that_is_not_ready_holds_up_no_node() -> None:
    budgets = render({"operator": {"replicas": 2}}).all("PodDisruptionBudget")
    assert [each["spec"]["unhealthyPodEvictionPolicy"] for each in budgets] == ["AlwaysAllow", "AlwaysAllow"]


def test_a_gateway_goes_when_another_is_there() -> None:
    strategy = render().one("Deployment", "funclet-gateway")["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def test_no_service_makes_variables_that_look_like_funclet_s_own() -> None:
    assert {pod["spec"]["enableServiceLinks"] for _, pod in render().pods()} == {False}


def test_there_are_two_gateways_and_one_operator_by_default() -> None:
    replicas = {each["metadata"]["name"]: each["spec"]["replicas"] for each in render().all("Deployment")}
    assert replicas == {"funclet-operator": 1, "funclet-gateway": 2}


def test_a_gateway_may_finish_the_longest_call() -> None:
    assert (
        render().one("Deployment", "funclet-gateway")["spec"]["template"]["spec"][
            "terminationGracePeriodSeconds"
        ]
        > 900
    )


def test_a_changed_configuration_replaces_the_pods() -> None:
    one, other = (
        {
            component: pod["metadata"]["annotations"]["checksum/platform"]
            for component, pod in render({"region": region}).pods()
            if component != "test"
        }
        for region in ("us-east-1", "eu-west-1")
    )
    assert one.keys() == other.keys() == set(COMPONENTS)
    assert not one.items() & other.items()


def test_a_digest_decides_over_the_tag() -> None:
    rendered = render({"image": {"tag": "1.2.3", "digest": DIGEST}})
    images = {container["image"] for _, pod in rendered.pods() for container in containers(pod)}
    assert images == {f"localhost/funclet:1.2.3@{DIGEST}"}


def test_a_registry_of_all_takes_the_place_of_each() -> None:
    rendered = render({"global": {"imageRegistry": "registry.example.com/mirror"}})
    images = {container["image"] for _, pod in rendered.pods() for container in containers(pod)}
    assert images == {"registry.example.com/mirror/funclet:0.1.0"}


@pytest.mark.parametrize("image", ["image", "supervisorImage"])
def test_the_tag_latest_is_refused(image: str) -> None:
    with pytest.raises(HelmRenderError, match="has the tag latest, which names another image tomorrow"):
        render({image: {"tag": "latest"}})


def test_only_what_speaks_to_the_api_server_has_a_token_for_it() -> None:
    tokens = {component: pod["spec"]["automountServiceAccountToken"] for component, pod in render().pods()}
    assert tokens == {"operator": True, "gateway": True, "test": False}
    assert {each["automountServiceAccountToken"] for each in render().all("ServiceAccount")} == {False}


@pytest.mark.parametrize("component", COMPONENTS)
def test_pods_of_functions_make_room_for_the_platforms(component: str) -> None:
    (made,) = render().all("PriorityClass")
    assert made["value"] > 0
    assert dict(render().pods())[component]["spec"]["priorityClassName"] == made["metadata"]["name"]
    own = render({component: {"priorityClassName": "mine"}})
    assert dict(own.pods())[component]["spec"]["priorityClassName"] == "mine"


def test_a_release_for_some_namespaces_makes_nothing_that_belongs_to_the_cluster() -> None:
    scoped = render(
        {
            "scope": {"namespaces": ["team-a"]},
            "defaultNamespace": "team-a",
            "auth": {"mode": "Token"},
            "crds": {"enabled": False},
        }
    )
    assert [each["kind"] for each in scoped.objects if "namespace" not in each["metadata"]] == []
    assert all("priorityClassName" not in pod["spec"] for _, pod in scoped.pods())
