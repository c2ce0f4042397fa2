"""The chart on a real API server: installed, upgraded, uninstalled, and what each account may do there."""

import json
from typing import NamedTuple

import pytest

from support.chart import CHART, IMAGES, NAMESPACE, Object, merged, render
from support.chart_cluster import Cluster
from support.supervisor import wait_for

pytestmark = pytest.mark.processes


class Question(NamedTuple):
    """May somebody do something, by the chart's roles? Each stands here with its right answer."""

    who: str
    verb: str
    resource: str
    namespace: str
    answer: bool
    name: str = ""

    def review(self) -> Object:
        group, _, resource = self.resource.rpartition(":")
        resource, _, subresource = resource.partition("/")
        attributes = {"verb": self.verb, "group": group, "resource": resource, "subresource": subresource}
        account = f"system:serviceaccount:{NAMESPACE}:funclet-{self.who}"
        return {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": self.who if self.who == "ada" else account,
                "resourceAttributes": {**attributes, "namespace": self.namespace, "name": self.name},
            },
        }


LEASES = "coordination.k8s.io:leases"
FUNCTIONS = "funclet.dev:functions"
#: she is bound to funclet-invoker in the namespace default
ADA = Question("ada", "invoke", FUNCTIONS, "default", answer=True, name="greet")
QUESTIONS = (
    Question("operator", "patch", "funclet.dev:functions/status", "default", answer=True),
    Question("operator", "create", "apps:deployments", "default", answer=True),
    Question("operator", "patch", FUNCTIONS, "default", answer=False),
    Question("operator", "create", "pods", "default", answer=False),
    Question("operator", "get", "secrets", "default", answer=False),
    Question("operator", "get", "secrets", NAMESPACE, answer=False),
    Question("operator", "create", "authentication.k8s.io:tokenreviews", "", answer=False),
    Question("operator", "patch", LEASES, NAMESPACE, answer=True, name="funclet-operator"),
    Question("operator", "patch", LEASES, NAMESPACE, answer=False, name="another"),
    Question("operator", "create", LEASES, "default", answer=False),
    Question("gateway", "patch", "apps:deployments/scale", "default", answer=True),
    Question("gateway", "patch", "funclet.dev:functions/status", "default", answer=True),
    Question("gateway", "create", "authentication.k8s.io:tokenreviews", "", answer=True),
    Question("gateway", "create", "authorization.k8s.io:subjectaccessreviews", "", answer=True),
    Question("gateway", "create", LEASES, NAMESPACE, answer=True),
    Question("gateway", "create", LEASES, "default", answer=False),
    Question("gateway", "patch", "apps:deployments", "default", answer=False),
    Question("gateway", "create", "pods", "default", answer=False),
    Question("gateway", "delete", "pods", "default", answer=False),
    Question("gateway", "get", "secrets", "default", answer=False),
    ADA,
    Question("ada", "invoke", FUNCTIONS, NAMESPACE, answer=False, name="greet"),
    Question("ada", "get", FUNCTIONS, "default", answer=False, name="greet"),
)


def test_all_of_it_is_installed(cluster: Cluster) -> None:
    wanted = [each for each in render().objects if each["kind"] != "Pod"]
    found = json.loads(cluster.plane.kubectl("get", "-f", "-", "-o", "json", manifests=wanted))
    assert len(found["items"]) == len(wanted)


def checksums(cluster: Cluster, kind: str) -> set[str]:
    """The checksums of one kind that the pods of operator and gateway carry."""
    found = cluster.plane.kubectl.get("deployments", "-n", NAMESPACE)["items"]
    return {each["spec"]["template"]["metadata"]["annotations"][f"checksum/{kind}"] for each in found}


def test_an_upgrade_keeps_the_keys_and_replaces_no_pods_for_their_sake(cluster: Cluster) -> None:
    keys, same, other = cluster.keys(), checksums(cluster, "keys"), checksums(cluster, "platform")
    cluster.helm.upgrade(CHART, "funclet", merged(IMAGES, {"region": "eu-west-1"}))
    assert cluster.keys() == keys
    assert checksums(cluster, "keys") == same
    assert not checksums(cluster, "platform") & other


def test_a_key_that_is_missing_is_made_and_the_others_stay_and_pods_are_replaced(cluster: Cluster) -> None:
    before, checksum = cluster.keys(), checksums(cluster, "keys")
    patch = json.dumps({"data": {"relay.key": None}})
    cluster.plane.kubectl("patch", "secret", "funclet-keys", "-n", NAMESPACE, "--type=merge", "-p", patch)
    cluster.helm.upgrade(CHART, "funclet", dict(IMAGES))
    after = cluster.keys()
    assert after.pop("relay.key") != before.pop("relay.key")
    assert after == before
    assert not checksums(cluster, "keys") & checksum


def test_functions_and_keys_outlive_the_release_and_the_next_one_takes_them_up(cluster: Cluster) -> None:
    function: Object = {
        "apiVersion": "funclet.dev/v1alpha1",
        "kind": "Function",
        "metadata": {"name": "greet", "namespace": "default"},
        "spec": {"runtime": "python", "handler": "app.handler", "code": {"inline": {"app.py": "x = 1"}}},
    }
    cluster.plane.kubectl.apply(function)
    before = cluster.keys()
    cluster.helm.uninstall("funclet")
    made = {each["kind"] for each in render().objects} - {"CustomResourceDefinition"}
    assert {"RoleBinding", "ClusterRoleBinding", "Secret"} <= made
    left = cluster.plane.kubectl(
        "get",
        ",".join(made),
        "--all-namespaces",
        "--selector=app.kubernetes.io/instance=funclet",
        "--output=name",
    )
    assert left.split() == ["secret/funclet-keys"]
    assert cluster.plane.kubectl.get("functions.funclet.dev", "greet", "-n", "default")
    cluster.helm.install(CHART, "funclet", dict(IMAGES))
    assert cluster.keys() == before


@pytest.fixture(scope="module")
def answers(cluster: Cluster) -> list[bool]:
    cluster.plane.kubectl(
        "create", "rolebinding", "ada", "--clusterrole=funclet-invoker", "--user=ada", "-n", "default"
    )
    reviews = [question.review() for question in QUESTIONS]
    allowed = 'jsonpath={.status.allowed}{"\\n"}'

    def ask() -> list[bool]:
        told = cluster.plane.kubectl("create", "-f", "-", "-o", allowed, manifests=reviews)
        return [each == "true" for each in told.split()]

    # The API server takes up a new binding a moment after it has it.
    wait_for(lambda: ask()[QUESTIONS.index(ADA)])
    return ask()


@pytest.mark.parametrize("index", range(len(QUESTIONS)), ids=[" ".join(map(str, each)) for each in QUESTIONS])
def test_the_api_server_lets_each_do_what_it_should(answers: list[bool], index: int) -> None:
    assert answers[index] is QUESTIONS[index].answer


def test_its_pods_are_admitted_where_only_restricted_ones_are(cluster: Cluster) -> None:
    meta = {"name": "strict", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
    cluster.plane.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    pods = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": component, "namespace": "strict"},
            "spec": pod["spec"],
        }
        for component, pod in render().pods()
    ]
    told = cluster.plane.kubectl("create", "--dry-run=server", "-f", "-", "-o", "name", manifests=pods)
    assert set(told.split()) == {"pod/operator", "pod/gateway", "pod/test"}
