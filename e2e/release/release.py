"""An installed release: where it is called, and what opens it."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluster.errors import ClusterError
from load.invoking import Target
from release.helm import Helm
from release.images import ROOT, VALUES, load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluster.kubectl import Kubectl
    from cluster.provider import Provider

NAME = "funclet"
NAMESPACE = "funclet-system"
CHART = ROOT / "charts" / "funclet"
# Callers outside the cluster reach a port of a node whatever the provider.
REACHABLE: Mapping[str, Any] = {"gateway": {"service": {"type": "NodePort"}}}


@dataclass(frozen=True)
class Release:
    """Funclet in a cluster; `url` (`http://HOST:PORT`) is the gateway's Service, `token` the chart's.

    `collector_host` is this machine's address for pods.
    """

    kubectl: Kubectl
    namespace: str
    url: str
    token: str
    collector_host: str

    def target(self, function: str, namespace: str, qualifier: str = "") -> Target:
        """A Function by the name of its object: called by its ARN, which says the namespace. It must have been seen."""
        arn = self.kubectl.get("functions.funclet.dev", function, "-n", namespace)["status"]["functionArn"]
        return Target(self.url, arn, self.token, qualifier)

    def pods(self, component: str) -> list[dict[str, Any]]:
        """The pods of `operator` or `gateway` that are not going."""
        selector = f"app.kubernetes.io/instance={NAME},app.kubernetes.io/component={component}"
        found = self.kubectl.get("pods", "-n", self.namespace, "-l", selector)["items"]
        return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]


def install(provider: Provider, *layers: Mapping[str, Any]) -> Release:
    """Load the images and install the chart, or upgrade it; returns when it is ready.

    Raises CannotRun, ClusterError with what its pods say.
    """
    return _upgraded(provider, load(provider), *layers)


def change(provider: Provider, *layers: Mapping[str, Any]) -> Release:
    """Give the release that `install` made these values, and none that it had beside the images.

    Raises ClusterError with what its pods say.
    """
    return _upgraded(provider, json.loads(VALUES.read_text("utf-8")), *layers)


def _upgraded(provider: Provider, *layers: Mapping[str, Any]) -> Release:
    """Install or upgrade the chart with these values; the nodes have the images."""
    try:
        Helm(provider.kubeconfig).install(NAME, CHART, NAMESPACE, REACHABLE, *layers)
    except ClusterError as failure:
        raise ClusterError(f"{failure}\n{_said(provider.kubectl)}") from failure
    return find(provider)


def find(provider: Provider) -> Release:
    """The release that is installed. Raises ClusterError where there is none."""
    kubectl = provider.kubectl
    secret = kubectl.get("secret", f"{NAME}-keys", "-n", NAMESPACE)
    service = kubectl.get("service", f"{NAME}-gateway", "-n", NAMESPACE)["spec"]
    node = _node_address(kubectl)
    port = service["ports"][0]
    where = f"{node}:{port['nodePort']}" if port.get("nodePort") else f"{service['clusterIP']}:{port['port']}"
    token = base64.b64decode(secret["data"]["api.token"]).decode()
    return Release(kubectl, NAMESPACE, f"http://{where}", token, _address_towards(node))


def _said(kubectl: Kubectl) -> str:
    """The state of the release's pods, and the last that operator and gateways wrote."""
    said = [kubectl("get", "pods", "-n", NAMESPACE, "-o", "wide")]
    for component in ("operator", "gateway"):
        labels = f"app.kubernetes.io/instance={NAME},app.kubernetes.io/component={component}"
        with contextlib.suppress(ClusterError):
            said.append(kubectl("logs", "-n", NAMESPACE, "-l", labels, "--tail=5", "--prefix"))
    return "\n".join(said)


def _node_address(kubectl: Kubectl) -> str:
    nodes = kubectl.get("nodes")["items"]
    addresses = [each for node in nodes for each in node["status"]["addresses"]]
    return next(str(each["address"]) for each in addresses if each["type"] == "InternalIP")


def _address_towards(host: str) -> str:
    """The address of this machine that packets to the host come from; none is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, 9))
        return str(probe.getsockname()[0])
