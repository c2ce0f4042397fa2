"""Images that users make, Funclet's own for Node.js and `provided`, and what a function takes from Secrets and ConfigMaps."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cluster.errors import CannotRun
from faults.pods import of_function
from load.asking import answer_of
from own_images import build
from release.images import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cluster.images import Archive
    from cluster.kubectl import Kubectl
    from cluster.provider import Provider
    from release.release import Release

pytestmark = pytest.mark.timeout(600)
#: digests of what it takes from each place
TAKES = """
import hashlib, os, pathlib

def handler(event, context):
    taken = {
        "variable": os.environ["PASSWORD"],
        "prefixed": os.environ["TEXT_greeting"],
        "secret file": pathlib.Path("/etc/canary/password").read_text(),
        "text file": pathlib.Path("/srv/texts/greeting").read_text(),
    }
    return {name: hashlib.sha256(value.encode()).hexdigest() for name, value in taken.items()}
"""
NODE = """
exports.handler = async (event, context) => ({
    event, node: process.version.split('.')[0], name: context.functionName, stage: process.env.STAGE,
});
"""


@pytest.fixture(scope="module")
def image(
    provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Callable[[Path], Archive]], str]:
    """Builds an image, brings it to the nodes, and gives its name by digest."""

    def built(make: Callable[[Path], Archive]) -> str:
        try:
            archive = make(tmp_path_factory.mktemp("image"))
        except CannotRun as lack:
            pytest.skip(str(lack))
        return provider.load(archive.path)[0].by_digest

    return built


@pytest.fixture
def apply(funclet: Release, namespace: str) -> Callable[..., None]:
    """Applies a Function and waits until it is Ready."""

    def applied(name: str, **spec: Any) -> None:
        funclet.kubectl.apply(manifest("Function", name, namespace, spec={"timeout": "10s", **spec}))
        funclet.kubectl(
            "wait", f"fn/{name}", "-n", namespace, "--for=condition=Ready", "--timeout=60s", timeout=70
        )

    return applied


def manifest(kind: str, name: str, namespace: str, **content: Any) -> dict[str, Any]:
    version = "funclet.dev/v1alpha1" if kind == "Function" else "v1"
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        **content,
    }


async def test_an_image_with_awss_runtime_client(
    funclet: Release,
    namespace: str,
    apply: Callable[..., None],
    image: Callable[[Callable[[Path], Archive]], str],
) -> None:
    ref = image(build.with_awslambdaric)
    command = ["python3", "-m", "awslambdaric", "app.handler"]
    apply("theirs", code={"image": {"ref": ref, "command": command}})
    answer = await answer_of(funclet.target("theirs", namespace), {"name": "Ada"})
    assert answer | {"uid": 0} == {
        "event": {"name": "Ada"},
        "name": "theirs",
        "stage": "of-the-image",
        "client": True,
        "folder": "/srv",
        "uid": 0,
    }
    assert answer["uid"] != 0
    [pod] = of_function(funclet.kubectl, namespace, "theirs")
    assert pod["spec"]["containers"][0]["image"] == ref


async def test_an_image_without_any_python(
    funclet: Release,
    namespace: str,
    apply: Callable[..., None],
    image: Callable[[Callable[[Path], Archive]], str],
) -> None:
    ref = image(build.with_a_shell_alone)
    apply(
        "shell", code={"image": {"ref": ref, "command": ["/bootstrap"]}}, environment={"STAGE": "of the spec"}
    )
    for number in range(3):
        answer = await answer_of(funclet.target("shell", namespace), {"number": number})
        assert answer == {"event": {"number": number}, "stage": "of the spec"}


async def test_a_function_for_nodejs(funclet: Release, namespace: str, apply: Callable[..., None]) -> None:
    code = {"inline": {"index.js": NODE}}
    apply("node", runtime="nodejs", handler="index.handler", code=code, environment={"STAGE": "test"})
    answer = await answer_of(funclet.target("node", namespace), {"name": "Ada"})
    assert int(answer.pop("node").removeprefix("v")) >= 20
    assert answer == {"event": {"name": "Ada"}, "name": "node", "stage": "test"}


async def test_a_bootstrap_of_ones_own(funclet: Release, namespace: str, apply: Callable[..., None]) -> None:
    spec = yaml.safe_load((ROOT / "examples/checksum.yaml").read_text("utf-8"))["spec"]
    apply("own", **{**spec, "runtime": "provided"})
    answer = await answer_of(funclet.target("own", namespace), {"name": "Ada"})
    event = b'{"name": "Ada"}'
    assert answer == {"sha256": hashlib.sha256(event).hexdigest(), "bytes": len(event)}


async def test_what_secrets_and_config_maps_hold_reaches_the_function_and_nothing_else(
    funclet: Release, namespace: str, apply: Callable[..., None]
) -> None:
    secret, text = secrets.token_hex(16), secrets.token_hex(16)
    funclet.kubectl.apply(
        manifest("Secret", "canary", namespace, stringData={"password": secret}),
        manifest("ConfigMap", "texts", namespace, data={"greeting": text}),
    )
    apply(
        "takes",
        runtime="python",
        handler="app.handler",
        code={"inline": {"app.py": TAKES}},
        secrets=[
            {"name": "canary", "variables": {"PASSWORD": "password"}},
            {"name": "canary", "mountPath": "/etc/canary"},
        ],
        configMaps=[{"name": "texts", "prefix": "TEXT_"}, {"name": "texts", "mountPath": "/srv/texts"}],
    )
    digests = [hashlib.sha256(each.encode()).hexdigest() for each in (secret, text)]
    answer = await answer_of(funclet.target("takes", namespace))
    assert answer == {
        "variable": digests[0],
        "secret file": digests[0],
        "prefixed": digests[1],
        "text file": digests[1],
    }
    told = {**objects(funclet.kubectl, namespace), **logs(funclet, namespace)}
    assert {"deployments.apps", "pods", "events", "functions.funclet.dev"} <= set(told)
    for canary in (secret, text):
        spelt = {canary, base64.b64encode(canary.encode()).decode(), canary.encode().hex()}
        assert [name for name, said in told.items() if any(each in said for each in spelt)] == []


def objects(kubectl: Kubectl, namespace: str) -> dict[str, str]:
    """All that stands in the namespace by its kind, but what holds the values themselves."""
    kinds = kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name").split()
    return {
        kind: kubectl("get", kind, "-n", namespace, "-o", "yaml", "--show-managed-fields")
        for kind in kinds
        if kind not in {"secrets", "configmaps"}
    }


def logs(funclet: Release, namespace: str) -> dict[str, str]:
    """What operator, gateways and the function's pods wrote."""
    pods = [
        *funclet.pods("operator"),
        *funclet.pods("gateway"),
        *of_function(funclet.kubectl, namespace, "takes"),
    ]
    return {
        f"log of {pod['metadata']['name']}": funclet.kubectl(
            "logs", pod["metadata"]["name"], "-n", pod["metadata"]["namespace"], "--all-containers"
        )
        for pod in pods
    }
