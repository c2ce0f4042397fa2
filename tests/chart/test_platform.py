"""platform.yaml as the chart writes it is what operator and gateway read."""

import pytest
import yaml
from helm_python import HelmRenderError

from funclet.api.platform import PlatformConfig, load
from support.chart import DIGEST, SCENARIOS, Values, render, scenario


def platform(*layers: Values) -> PlatformConfig:
    return load(render(*layers).one("ConfigMap", "funclet-platform")["data"]["platform.yaml"])


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_processes_can_read_it(name: str) -> None:
    text = scenario(name).one("ConfigMap", "funclet-platform")["data"]["platform.yaml"]
    assert load(text).runtimes


def test_pods_are_told_the_internal_service_of_this_release() -> None:
    assert platform().gateway_internal_url == "http://funclet-gateway-internal.funclet-system.svc:8702"
    assert render().one("Service", "funclet-gateway-internal")["spec"]["ports"][0]["port"] == 8702


def test_images_are_named_with_their_digest() -> None:
    for image in (platform().supervisor_image, *(each.image for each in platform().runtimes)):
        assert image.digest == DIGEST
        assert image.ref.startswith("localhost/funclet-")
        assert image.ref.endswith(":0.1.0")


def test_every_family_of_runtimes_has_a_current_one() -> None:
    names = [name for runtime in platform().runtimes for name in runtime.names]
    assert {"python", "nodejs", "provided"} <= set(names)


def test_a_runtime_is_taken_away_by_null_and_added_by_a_key() -> None:
    ruby = {"names": ["ruby3.4"], "image": {"repository": "ruby", "digest": DIGEST}, "command": ["/ruby"]}
    found = platform({"runtimes": {"nodejs": None, "ruby": ruby}}).runtimes
    assert [runtime.names[0] for runtime in found] == ["provided.al2023", "python3.13", "ruby3.4"]


def test_all_that_holds_for_pods_of_functions_can_be_said() -> None:
    pods = platform(
        {
            "pods": {
                "cpuLimit": True,
                "runAsUser": None,
                "priorityClassName": "high",
                "runtimeClassName": "gvisor",
                "nodeSelector": {"disk": "ssd"},
                "tolerations": [{"key": "functions", "operator": "Exists"}],
                "imagePullSecrets": ["pull"],
            }
        }
    ).pods
    assert pods.cpu_limit
    assert pods.run_as_user is None
    assert (pods.priority_class_name, pods.runtime_class_name) == ("high", "gvisor")
    assert pods.node_selector == {"disk": "ssd"}
    assert pods.tolerations[0].key == "functions"
    assert pods.image_pull_secrets[0].name == "pull"


@pytest.mark.parametrize("value", ["supervisorImage", "runtimes.python.image"])
def test_an_image_without_digest_is_refused(value: str) -> None:
    values: dict[str, object] = {"digest": ""}
    for key in reversed(value.split(".")):
        values = {key: values}
    with pytest.raises(HelmRenderError, match=rf"{value}\.digest is needed: .*`make push`, or `make load`"):
        render(values)


def test_it_is_plain_data() -> None:
    (config,) = render().all("ConfigMap")
    assert yaml.safe_load(config["data"]["platform.yaml"])["region"] == "us-east-1"
