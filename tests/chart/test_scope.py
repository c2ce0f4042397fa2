"""With `scope.namespaces`, whoever installs needs no right on the cluster but for the CRDs."""

import pytest

from support.chart import NAMESPACE, SCOPED, render, scenario

CLUSTER_SCOPED = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "Namespace",
    "PersistentVolume",
    "PriorityClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingWebhookConfiguration",
}


def test_nothing_is_cluster_scoped_but_the_definitions() -> None:
    kinds = {each["kind"] for each in scenario("scoped").objects}
    assert kinds & CLUSTER_SCOPED == {"CustomResourceDefinition"}


def test_with_definitions_that_are_there_already_nothing_at_all_is() -> None:
    assert not {each["kind"] for each in scenario("scoped without CRDs").objects} & CLUSTER_SCOPED


def test_objects_stand_in_the_release_s_namespace_and_those_of_the_scope() -> None:
    namespaces = {each["metadata"].get("namespace") for each in scenario("scoped without CRDs").objects}
    assert namespaces == {NAMESPACE, "team-a", "team-b"}


@pytest.mark.parametrize("component", ["operator", "gateway"])
def test_each_process_is_told_its_namespaces(component: str) -> None:
    for values, told in (({}, ""), (SCOPED, "team-a,team-b")):
        pod = render(values).one("Deployment", f"funclet-{component}")["spec"]["template"]
        env = {each["name"]: each.get("value") for each in pod["spec"]["containers"][0]["env"]}
        assert env["FUNCLET_NAMESPACES"] == told


@pytest.mark.parametrize("mode", ["Kubernetes", "Token", "None"])
def test_the_gateway_is_told_who_may_call(mode: str) -> None:
    pod = render({"auth": {"mode": mode}}).one("Deployment", "funclet-gateway")["spec"]["template"]
    env = {each["name"]: each.get("value") for each in pod["spec"]["containers"][0]["env"]}
    assert env["FUNCLET_AUTH"] == mode


def test_kubernetes_decides_who_may_call_unless_a_value_says_otherwise() -> None:
    pod = render().one("Deployment", "funclet-gateway")["spec"]["template"]
    assert {"name": "FUNCLET_AUTH", "value": "Kubernetes"} in pod["spec"]["containers"][0]["env"]
