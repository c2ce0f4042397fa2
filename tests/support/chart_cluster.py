"""A real API server with the chart's release on it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from helm_python import Config

from cluster.control_plane import ControlPlane, control_plane
from support.chart import CHART, IMAGES, NAMESPACE, merged


@dataclass(frozen=True)
class Cluster:
    """An API server with the chart's release on it."""

    plane: ControlPlane
    helm: Config

    def keys(self) -> dict[str, str]:
        data: dict[str, str] = self.plane.kubectl.get("secret", "funclet-keys", "-n", NAMESPACE)["data"]
        return data

    def kubeconfig_of(self, account: str) -> Path:
        """A kubeconfig by which one speaks as a service account of the release."""
        path = self.plane.folder / f"{account}.kubeconfig"
        token = self.plane.kubectl("create", "token", account, "-n", NAMESPACE).strip()
        config = json.loads(self.plane.kubeconfig.read_text())
        config["users"][0]["user"] = {"token": token}
        path.write_text(json.dumps(config))
        return path


#: releases in one namespace, by what each watches
RELEASES = {"one": "team-a", "two": "team-b"}


@contextmanager
def two_releases() -> Iterator[Cluster]:
    """Start an API server and install RELEASES, each in a scope of its own. Raises CannotRun."""
    with (
        control_plane() as plane,
        Config(kubeconfig_path=plane.kubeconfig, namespace=NAMESPACE) as helm,
    ):
        for namespace in RELEASES.values():
            plane.kubectl("create", "namespace", namespace)
        for index, (name, namespace) in enumerate(RELEASES.items()):
            scope = {
                "scope": {"namespaces": [namespace]},
                "defaultNamespace": namespace,
                "auth": {"mode": "Token"},
                # The definitions are the first one's.
                "crds": {"enabled": index == 0},
            }
            helm.install(CHART, name, merged(IMAGES, scope), create_namespace=True)
        yield Cluster(plane, helm)


@contextmanager
def installed() -> Iterator[Cluster]:
    """Start an API server and install the chart. Raises CannotRun where Kubernetes is not built."""
    with (
        control_plane() as plane,
        Config(kubeconfig_path=plane.kubeconfig, namespace=NAMESPACE) as helm,
    ):
        helm.install(CHART, "funclet", dict(IMAGES), create_namespace=True)
        yield Cluster(plane, helm)
