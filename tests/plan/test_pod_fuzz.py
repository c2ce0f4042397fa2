"""Whatever a user writes that our own rules let pass, the pod stays within `restricted` and holds no secret."""

import json
import re
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it comes without types
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from funclet.api.function import Function
from funclet.api.rules import parse, validate
from funclet.plan.capability import announce_capability, code_capability
from funclet.plan.pod import pod_template
from funclet.plan.routes import Unavailable
from support.objects import SHA, stored
from support.rendering import CAPABILITY_KEY, cluster, in_deployment, revision_of, template
from support.restricted import containers, violations

names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,12}[a-z0-9])?([.][a-z0-9]{1,5})?", fullmatch=True)
variables = st.one_of(
    st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,10}", fullmatch=True),
    st.sampled_from(
        ["PATH", "LD_PRELOAD", "KUBERNETES_SERVICE_HOST", "AWS_LAMBDA_MAX_ITEMS", "TZ", "PYTHONPATH"]
    ),
)
texts = st.one_of(
    st.text(max_size=30), st.sampled_from(["$(FUNCLET_POD_UID)", "$$", "\0", "'; id", "{handler}"])
)
paths = st.one_of(
    st.from_regex(r"(/[a-z.]{1,6}){1,3}", fullmatch=True),
    st.sampled_from(
        ["/", "/var", "/proc/1", "/funclet/bin", "/var/run/docker.sock", "/var/run/secrets", "/etc"]
    ),
)
keys = st.one_of(st.from_regex(r"[-._a-zA-Z0-9]{1,8}", fullmatch=True), st.text(min_size=1, max_size=8))


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A mapping with any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


references = st.lists(
    st.builds(
        lambda name, rest: {"name": name, **rest},
        names,
        some(
            variables=st.dictionaries(variables, keys, min_size=1, max_size=3),
            prefix=st.from_regex(r"([A-Za-z][A-Za-z0-9_]{0,5})?", fullmatch=True),
            mountPath=paths,
        ),
    ),
    max_size=4,
)
images = st.builds(
    lambda ref, rest: {"image": {"ref": ref, **rest}},
    st.one_of(st.text(min_size=1, max_size=20), st.just("registry.example/app:1")),
    some(command=st.lists(texts, max_size=4), workingDirectory=st.text(min_size=1, max_size=10)),
)
quantities = st.one_of(
    st.sampled_from(["128Mi", "10Gi", "10240Mi", "512M", "1000000k", "1G"]), st.integers(1 << 27, 10 << 30)
)
shared = {
    "memory": quantities,
    "ephemeralStorage": quantities,
    "timeout": st.sampled_from(["1s", "15m", "1m30s", "900s", "0.5m"]),
    "environment": st.dictionaries(variables, texts, max_size=4),
    "secrets": references,
    "configMaps": references,
    "role": st.one_of(names, st.just("arn:aws:iam::123456789012:role/x"), st.just("system:admin")),
    "logging": st.just({"format": "JSON"}),
    "network": st.sampled_from([{"egress": "None"}, {"egress": "Internet"}]),
    "layers": st.lists(st.text(max_size=20), max_size=2),
    "functionName": st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
}
plain = st.builds(
    lambda code, rest: {**code, **rest},
    st.fixed_dictionaries(
        {
            "runtime": st.sampled_from(["python", "python3.13", "provided"]),
            "handler": st.sampled_from(["app.handler", "a/b.c", "x::y", "bootstrap"]),
            "code": st.just({"inline": {"app.py": "x"}}),
        }
    ),
    some(**shared),
)
packed = st.builds(lambda code, rest: {"code": code, **rest}, images, some(**shared))


@st.composite
def functions(draw: st.DrawFn) -> Function:
    """A Function that the rules accept."""
    manifest = {
        "apiVersion": "funclet.dev/v1alpha1",
        "kind": "Function",
        "metadata": {"name": draw(names), "namespace": "default"},
        "spec": draw(st.one_of(plain, packed)),
    }
    assume(not validate(manifest, unknown="refuse"))
    found = parse(stored(manifest), unknown="refuse")
    assert isinstance(found, Function)
    return found


platforms = st.sampled_from(
    [
        {},
        {"pods": {"runAsUser": None, "cpuLimit": True}},
        {"pods": {"tolerations": [{"operator": "Exists"}], "runtimeClassName": "gvisor"}},
    ]
)
fuzz = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)


def rendered(function: Function, platform: dict[str, Any]) -> dict[str, Any]:
    """The template; a refusal in words ends the example."""
    pod = pod_template(revision_of(function), cluster(**platform))
    if isinstance(pod, Unavailable):
        assert pod.message.startswith("spec.")
        assume(False)
    assert isinstance(pod, dict)
    return pod


@fuzz
@given(functions(), platforms)
def test_every_pod_is_restricted_and_a_valid_one(function: Function, platform: dict[str, Any]) -> None:
    pod = rendered(function, platform)
    assert violations(pod) == []
    kubernetes_validate.validate(in_deployment(pod), kubernetes_validate.latest_version(), strict=True)


@fuzz
@given(functions(), platforms)
def test_no_pod_gets_a_token_or_more_than_restricted_asks(
    function: Function, platform: dict[str, Any]
) -> None:
    spec = rendered(function, platform)["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    for volume in spec["volumes"]:
        (kind,) = set(volume) - {"name"}
        assert kind in {"emptyDir", "secret", "configMap"}
        assert kind != "emptyDir" or volume["emptyDir"]["sizeLimit"]
    for _, container in containers(spec):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert {"memory", "ephemeral-storage"} <= set(container["resources"]["limits"])
        mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
        assert len(mounts) == len(set(mounts))
        variables = [each["name"] for each in container.get("env", ())]
        assert len(variables) == len(set(variables))


@fuzz
@given(functions(), platforms)
def test_a_pod_holds_no_secret_of_the_platform_but_its_capabilities(
    function: Function, platform: dict[str, Any]
) -> None:
    pod = rendered(function, platform)
    text = json.dumps(pod)
    for spelt in (CAPABILITY_KEY.decode(), CAPABILITY_KEY.hex()):
        assert spelt not in text
    revision = revision_of(function)
    known = {
        announce_capability(CAPABILITY_KEY, revision.namespace, revision.key),
        code_capability(CAPABILITY_KEY, revision.namespace, SHA),
        SHA,
        *(each * 64 for each in "de5"),
    }
    assert set(re.findall(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", text)) <= known


@settings(fuzz, max_examples=20)
@given(functions(), platforms)
def test_equal_functions_give_equal_bytes(function: Function, platform: dict[str, Any]) -> None:
    assert json.dumps(rendered(function, platform)) == json.dumps(rendered(function, platform))


BROKEN: list[tuple[str, dict[str, Any]]] = [
    ("hostNetwork", {"hostNetwork": True}),
    ("hostPID", {"hostPID": True}),
    ("volumes[0]", {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]}),
    ("securityContext.sysctls", {"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}),
    ("containers[0].securityContext.runAsNonRoot", {"securityContext": {}}),
    ("containers[0].securityContext.seccompProfile", {"securityContext": {"runAsNonRoot": True}}),
    ("securityContext.runAsUser", {"securityContext": {"runAsUser": 0}}),
    ("ephemeralContainers[0].securityContext.capabilities.drop", {"ephemeralContainers": [{"name": "x"}]}),
    ("initContainers[0].securityContext.allowPrivilegeEscalation", {"initContainers": [{"name": "x"}]}),
    (
        "containers[0].securityContext.privileged",
        {"containers": [{"name": "x", "securityContext": {"privileged": True}}]},
    ),
    (
        "containers[0].securityContext.capabilities.add",
        {"containers": [{"name": "x", "securityContext": {"capabilities": {"add": ["SYS_TIME"]}}}]},
    ),
    ("containers[0].ports.hostPort", {"containers": [{"name": "x", "ports": [{"hostPort": 80}]}]}),
    (
        "containers[0].readinessProbe.host",
        {"containers": [{"name": "x", "readinessProbe": {"httpGet": {"host": "169.254.169.254"}}}]},
    ),
]


@pytest.mark.parametrize(("path", "change"), BROKEN, ids=[path for path, _ in BROKEN])
def test_the_checker_sees_what_is_forbidden(path: str, change: dict[str, Any]) -> None:
    pod = template(revision_of(parse_plain()))
    assert path in violations({**pod, "spec": {**pod["spec"], **change}})


def parse_plain() -> Function:
    """A plain Function."""
    spec = {"runtime": "python", "handler": "app.handler", "code": {"inline": {"app.py": "x"}}}
    manifest = {
        "apiVersion": "funclet.dev/v1alpha1",
        "kind": "Function",
        "metadata": {"name": "greet"},
        "spec": spec,
    }
    found = parse(stored(manifest), unknown="refuse")
    assert isinstance(found, Function)
    return found
