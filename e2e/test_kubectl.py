"""A Function through the eyes of somebody who knows kubectl, and nothing of Funclet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cluster.errors import ClusterError
from faults import pods, routing
from faults.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.kubectl import Kubectl
    from release.release import Release

pytestmark = pytest.mark.timeout(300)
FUNCTION = {
    "apiVersion": "funclet.dev/v1alpha1",
    "kind": "Function",
    "spec": {
        "runtime": "python",
        "handler": "app.handler",
        "code": {"inline": {"app.py": "def handler(event, context):\n    return event\n"}},
    },
}


@pytest.fixture
def kubectl(funclet: Release) -> Kubectl:
    return funclet.kubectl


@pytest.fixture
def apply(kubectl: Kubectl, namespace: str) -> Callable[..., str]:
    """Applies the function `echo`, with fields laid over its spec, and waits until it is Ready."""

    def applied(**spec: Any) -> str:
        metadata = {"name": "echo", "namespace": namespace}
        said = kubectl.apply({**FUNCTION, "metadata": metadata, "spec": {**FUNCTION["spec"], **spec}})  # type: ignore[dict-item]  # a manifest
        kubectl("wait", "fn/echo", "-n", namespace, "--for=condition=Ready", "--timeout=60s", timeout=70)
        return said

    return applied


def test_get_shows_whether_it_is_ready(kubectl: Kubectl, namespace: str, apply: Callable[..., str]) -> None:
    apply()
    heads, row = (line.split() for line in kubectl("get", "fn", "-n", namespace).splitlines())
    assert heads == ["NAME", "READY", "RUNTIME", "LAST", "VERSION", "INSTANCES", "AGE"]
    assert row[:3] == ["echo", "True", "python"]


def test_the_category_shows_all_kinds(kubectl: Kubectl, namespace: str, apply: Callable[..., str]) -> None:
    apply(publish="Auto", publishAlias="live")
    names = kubectl("get", "funclet", "-n", namespace, "-o", "name").split()
    assert {name.partition(".")[0] for name in names} == {"function", "functionversion", "alias"}


def test_describe_shows_conditions_and_events(
    kubectl: Kubectl, namespace: str, apply: Callable[..., str]
) -> None:
    apply(publish="Auto")
    told = kubectl("describe", "fn", "echo", "-n", namespace)
    assert "Published" in told[told.index("Events:") :]
    for word in (
        "Type:                  Ready",
        "Type:                  Active",
        "Scaled To Zero",
        "Function Arn",
    ):
        assert word.replace(" ", "") in told.replace(" ", "")


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("fn", "A function"),
        ("fn.spec.scaling.idle", "How long an idle instance stays"),
        ("fn.status.conditions", "FIELDS"),
        ("fnv.spec.codeSha256", "SHA-256"),
        ("fna.spec.routingConfig", "FIELDS"),
    ],
)
def test_explain_knows_every_field(kubectl: Kubectl, field: str, words: str) -> None:
    assert words in kubectl("explain", field)


async def test_scale_sets_a_floor_under_the_instances(
    kubectl: Kubectl, namespace: str, apply: Callable[..., str]
) -> None:
    apply(scaling={"idle": "1s"})
    routing.scale(kubectl, namespace, "echo", 2)
    await until(lambda: instances(kubectl, namespace) == 2, "two instances are ready and told")
    routing.scale(kubectl, namespace, "echo", 0)
    await until(lambda: not kubectl.get("pods", "-n", namespace)["items"], "no instance is left")
    await until(lambda: instances(kubectl, namespace) == 0, "the status says so")


def test_a_second_apply_changes_nothing(kubectl: Kubectl, namespace: str, apply: Callable[..., str]) -> None:
    assert apply() == "function.funclet.dev/echo created\n"
    before = kubectl.get("fn", "echo", "-n", namespace)
    assert apply() == "function.funclet.dev/echo unchanged\n"
    after = kubectl.get("fn", "echo", "-n", namespace)
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert after["spec"] == before["spec"]


def test_diff_after_apply_is_empty(kubectl: Kubectl, namespace: str, apply: Callable[..., str]) -> None:
    apply(memory="1024Mi", timeout="1m0s")
    spec: Any = FUNCTION["spec"]
    manifest = {**FUNCTION, "metadata": {"name": "echo", "namespace": namespace}}
    same = {**spec, "memory": "1024Mi", "timeout": "1m0s"}
    assert kubectl("diff", "-f", "-", manifests=[{**manifest, "spec": same}]) == ""


def test_wait_waits_for_the_generation_that_was_applied(
    kubectl: Kubectl, namespace: str, apply: Callable[..., str]
) -> None:
    apply()
    for stage in ("one", "two", "three"):
        apply(environment={"STAGE": stage})
        found = kubectl.get("fn", "echo", "-n", namespace)
        assert found["status"]["observedGeneration"] == found["metadata"]["generation"]


def test_a_word_that_is_not_known_is_refused_with_its_place(kubectl: Kubectl, namespace: str) -> None:
    spec: Any = FUNCTION["spec"]
    manifest = {
        **FUNCTION,
        "metadata": {"name": "echo", "namespace": namespace},
        "spec": {**spec, "memry": "1Gi"},
    }
    with pytest.raises(ClusterError, match=r'ValidationError\(Function\.spec\): unknown field "memry"'):
        kubectl("apply", "--validate=strict", "-f", "-", manifests=[manifest])


def test_delete_takes_everything_along(kubectl: Kubectl, namespace: str, apply: Callable[..., str]) -> None:
    apply(publish="Auto", scaling={"min": 1})
    kubectl("delete", "fn", "echo", "-n", namespace, "--cascade=foreground", "--timeout=90s", timeout=100)
    kinds = "deployments,controllerrevisions,functionversions.funclet.dev"
    assert kubectl.get(kinds, "-n", namespace)["items"] == []


def instances(kubectl: Kubectl, namespace: str) -> int:
    """How many the status tells, where as many pods are ready; else -1."""
    told = int(kubectl.get("fn", "echo", "-n", namespace)["status"].get("instances", 0))
    ready = [pod for pod in pods.of_function(kubectl, namespace, "echo") if pods.is_ready(pod)]
    return told if told == len(ready) else -1
