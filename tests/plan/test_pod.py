from dataclasses import replace
from typing import Any

import pytest

from funclet.api.settings import KeyReference
from funclet.plan import reasons
from funclet.plan.pod import pod_template
from funclet.plan.revision import Revision
from funclet.plan.routes import Unavailable
from support.rendering import APP_IMAGE, cluster, revision, template


def spec(platform: dict[str, Any] | None = None, **function: Any) -> dict[str, Any]:
    pod: dict[str, Any] = template(revision(**function), **(platform or {}))["spec"]
    return pod


def container(platform: dict[str, Any] | None = None, **function: Any) -> dict[str, Any]:
    only: dict[str, Any] = spec(platform, **function)["containers"][0]
    return only


def variables(**function: Any) -> dict[str, Any]:
    return {each["name"]: each for each in container(**function)["env"]}


def of_laxer_rules(**references: list[dict[str, Any]]) -> Revision:
    """A revision of a Function that was stored when the API server refused less."""
    one, names = revision(), {"secrets": "secrets", "configMaps": "config_maps"}
    given = {
        names[field]: [KeyReference.model_validate(each) for each in references[field]]
        for field in references
    }
    return replace(one, settings=one.settings.model_copy(update=given))


def refusal(of: Revision) -> Unavailable:
    refused = pod_template(of, cluster())
    assert isinstance(refused, Unavailable)
    return refused


def test_labels_tell_function_and_revision_and_annotations_the_names_in_full() -> None:
    one = revision("a." + "x" * 70, functionName="Greet_Me")
    metadata = template(one)["metadata"]
    assert metadata["labels"]["funclet.dev/revision"] == one.key
    assert metadata["labels"]["app.kubernetes.io/managed-by"] == "funclet"
    assert len(metadata["labels"]["funclet.dev/function"]) == 63
    assert metadata["annotations"] == {
        "funclet.dev/function": "a." + "x" * 70,
        "funclet.dev/function-name": "Greet_Me",
        "funclet.dev/version": "$LATEST",
    }


def test_memory_holds_function_and_supervisor_and_its_limit_tmp_as_well() -> None:
    resources = container(memory="256Mi", ephemeralStorage="1Gi")["resources"]
    assert resources["requests"]["memory"] == "288Mi"
    assert resources["limits"]["memory"] == "1312Mi"


@pytest.mark.parametrize(
    ("memory", "cpu"), [("128Mi", "73m"), ("1769Mi", "1"), ("3538Mi", "2"), ("10240Mi", "5789m")]
)
def test_cpu_follows_memory_as_on_aws(memory: str, cpu: str) -> None:
    resources = container(memory=memory)["resources"]
    assert resources["requests"]["cpu"] == cpu
    assert "cpu" not in resources["limits"]


def test_a_platform_may_hold_instances_to_their_cpu() -> None:
    assert container({"pods": {"cpuLimit": True}}, memory="1769Mi")["resources"]["limits"]["cpu"] == "1"


def test_tmp_is_memory_of_the_size_that_the_function_asks_for() -> None:
    volumes = {volume["name"]: volume for volume in spec(ephemeralStorage="1Gi")["volumes"]}
    assert volumes["tmp"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Gi"}


def test_a_pod_may_finish_what_it_runs_before_it_goes() -> None:
    assert spec(timeout="15m")["terminationGracePeriodSeconds"] == 915


def test_a_busy_function_is_never_killed_for_being_silent() -> None:
    assert "livenessProbe" not in container()
    assert container()["readinessProbe"]["periodSeconds"] == 1


def test_a_pods_log_stream_is_its_own() -> None:
    names = [each["name"] for each in container()["env"]]
    assert variables()["AWS_LAMBDA_LOG_STREAM_NAME"]["value"] == "[$$LATEST]$(FUNCLET_POD_NAME)"
    # A kubelet knows only the variables before.
    assert names.index("FUNCLET_POD_NAME") < names.index("AWS_LAMBDA_LOG_STREAM_NAME")


def test_an_image_keeps_its_own_locale() -> None:
    assert "LANG" in variables()
    assert "LANG" not in variables(code={"image": APP_IMAGE})


def test_keys_of_secrets_become_variables_by_reference() -> None:
    secrets = [{"name": "db", "variables": {"PASSWORD": "password"}}]
    assert variables(secrets=secrets)["PASSWORD"] == {
        "name": "PASSWORD",
        "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}},
    }


def test_whole_objects_become_variables_with_a_prefix_or_without() -> None:
    sources = container(configMaps=[{"name": "c", "prefix": ""}], secrets=[{"name": "s", "prefix": "DB_"}])[
        "envFrom"
    ]
    assert sources == [{"configMapRef": {"name": "c"}}, {"prefix": "DB_", "secretRef": {"name": "s"}}]


def test_objects_become_files_that_cannot_be_written() -> None:
    pod = spec(secrets=[{"name": "tls", "mountPath": "/etc/tls"}])
    assert {"name": "secret-0", "secret": {"secretName": "tls"}} in pod["volumes"]
    mount = {"name": "secret-0", "mountPath": "/etc/tls", "readOnly": True}
    assert mount in pod["containers"][0]["volumeMounts"]


def test_of_two_references_for_one_variable_the_secret_wins() -> None:
    pod = template(
        of_laxer_rules(
            configMaps=[{"name": "c", "variables": {"X": "x"}}],
            secrets=[{"name": "s", "variables": {"X": "x"}}],
        )
    )
    (given,) = (each for each in pod["spec"]["containers"][0]["env"] if each["name"] == "X")
    assert given["valueFrom"] == {"secretKeyRef": {"name": "s", "key": "x"}}


@pytest.mark.parametrize("path", ["/var", "/funclet", "/funclet/bin"])
def test_no_mount_hides_the_platform(path: str) -> None:
    refused = refusal(of_laxer_rules(secrets=[{"name": "s", "mountPath": path}]))
    assert refused.reason == reasons.INVALID_SPEC
    assert refused.message.startswith("spec.secrets[0].mountPath: ")


@pytest.mark.parametrize("key", ["a b", "../x", "..", ".", "a/b"])
def test_a_key_that_no_object_can_have_is_named(key: str) -> None:
    refused = refusal(of_laxer_rules(configMaps=[{"name": "c", "variables": {"X": key}}]))
    assert refused.message.startswith("spec.configMaps[0].variables.X: ")


def test_a_role_of_the_namespace_gives_its_name_and_no_token() -> None:
    pod = spec(role="reader")
    assert pod["serviceAccountName"] == "reader"
    assert pod["automountServiceAccountToken"] is False


def test_a_role_of_iam_is_no_service_account() -> None:
    assert "serviceAccountName" not in spec(role="arn:aws:iam::123456789012:role/reader")


def test_the_supervisor_is_brought_to_an_image_that_does_not_know_it() -> None:
    pod = spec(code={"image": APP_IMAGE})
    copy = pod["initContainers"][0]
    assert copy["image"] == "funclet.example/supervisor@sha256:" + "5" * 64
    assert copy["volumeMounts"] == [{"name": "funclet", "mountPath": "/copied"}]
    assert {"name": "funclet", "mountPath": "/funclet", "readOnly": True} in pod["containers"][0][
        "volumeMounts"
    ]
    assert "code" not in [volume["name"] for volume in pod["volumes"]]


def test_the_container_that_copies_asks_for_no_more_than_the_function() -> None:
    pod = spec(code={"image": APP_IMAGE})
    assert pod["initContainers"][0]["resources"]["requests"] == {
        **pod["containers"][0]["resources"]["requests"],
        "memory": "32Mi",
    }


def test_a_command_that_no_variable_can_hold_is_refused_in_words() -> None:
    refused = refusal(revision(code={"image": {"ref": "app:1", "command": ["x" * 4096] * 40}}))
    assert refused.reason == reasons.INVALID_SPEC
    assert "spec.code.image.command" in refused.message


def test_the_platform_says_where_pods_may_run() -> None:
    pods = {
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "batch", "operator": "Exists", "effect": "NoSchedule"}],
        "priorityClassName": "functions",
        "runtimeClassName": "gvisor",
        "imagePullSecrets": [{"name": "registry"}],
    }
    pod = spec({"pods": pods})
    assert pod["nodeSelector"] == {"kubernetes.io/os": "linux", "disk": "ssd"}
    assert {name: pod[name] for name in pods if name != "nodeSelector"} == {
        name: value for name, value in pods.items() if name != "nodeSelector"
    }
