"""A cluster's configuration, and revisions to render on it."""

from typing import Any

from funclet.api.function import Function
from funclet.api.platform import PlatformConfig
from funclet.api.rules import parse
from funclet.plan.images import resolved_runtimes
from funclet.plan.observed import CodeState
from funclet.plan.pod import pod_template
from funclet.plan.pod_settings import Cluster, GatewayKey
from funclet.plan.revision import Platform, Revision
from funclet.plan.revisions import latest_revision
from support.objects import NOW, SHA, function_manifest, stored

CAPABILITY_KEY = b"a capability key of 32 octets..."
PYTHON_DIGEST = "sha256:" + "d" * 64
KEY = GatewayKey("k1", 0xC0FFEE, 65537)
APP_IMAGE = {
    "ref": "registry.example/team/app:1.2",
    "command": ["python", "-m", "awslambdaric", "app.handler"],
}


def platform_file(**fields: Any) -> dict[str, Any]:
    """platform.yaml as a chart writes it."""
    return {
        "region": "us-east-1",
        "gatewayInternalUrl": "http://funclet-gateway-internal.funclet-system.svc:8702",
        "supervisorImage": {"ref": "funclet.example/supervisor:1.0", "digest": "sha256:" + "5" * 64},
        "runtimes": [
            {
                "names": ["python3.13", "python"],
                "image": {"ref": "funclet.example/python3.13:1.0", "digest": PYTHON_DIGEST},
                "command": ["/funclet/bin/runtime-python", "{handler}"],
            },
            {
                "names": ["provided.al2023", "provided"],
                "image": {"ref": "funclet.example:5000/provided", "digest": "sha256:" + "e" * 64},
                "command": ["/var/task/bootstrap"],
            },
        ],
        **fields,
    }


def cluster(**fields: Any) -> Cluster:
    """What pods are rendered with."""
    return Cluster(PlatformConfig.model_validate(platform_file(**fields)), CAPABILITY_KEY, (KEY,))


def on_cluster(name: str = "greet", **spec: Any) -> Function:
    """A stored Function; with code.image it names no runtime and no handler unless given."""
    plain = function_manifest(name)
    bare = {} if "image" in spec.get("code", {}) else {**plain["spec"], "runtime": "python3.13"}
    manifest = stored({**plain, "spec": {**bare, **spec}})
    found = parse({**manifest, "status": {"observedGeneration": 1}}, unknown="refuse")
    assert isinstance(found, Function)
    return found


def revision_of(function: Function, code: str = SHA) -> Revision:
    """The $LATEST of a Function."""
    known = Platform(None, "us-east-1", resolved_runtimes(cluster().config))
    found = latest_revision(function, CodeState(code), known)
    assert isinstance(found, Revision), found
    return found


def revision(name: str = "greet", **spec: Any) -> Revision:
    """The $LATEST of a Function with this spec."""
    return revision_of(on_cluster(name, **spec))


def template(of: Revision, **fields: Any) -> dict[str, Any]:
    """The pod template of a revision."""
    rendered = pod_template(of, cluster(**fields))
    assert isinstance(rendered, dict), rendered
    return rendered


def in_deployment(pod: dict[str, Any]) -> dict[str, Any]:
    """A Deployment around a pod template, for what judges whole manifests."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "one", "creationTimestamp": NOW},
        "spec": {"selector": {"matchLabels": pod["metadata"]["labels"]}, "template": pod},
    }
