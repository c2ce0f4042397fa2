"""The command lines of the control plane's programs, as functions of their settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.pki import Pair

SERVICES = "10.96.0.0/16"
# By default each controller asks 20 times a second: its start alone takes four seconds of waiting for turns.
QUICK = ("--kube-api-qps=200", "--kube-api-burst=400")
ISSUER = "https://kubernetes.default.svc.cluster.local"
# The names by which pods know the API server; 10.96.0.1 is the first address of SERVICES.
SERVER_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "10.96.0.1",
)


@dataclass(frozen=True)
class ControlPlaneSettings:
    """Where a control plane's programs listen, and what proves who they are. Addresses are numeric."""

    programs: Path
    folder: Path
    address: str
    port: int
    etcd_port: int
    authority: Pair
    serving: Pair
    signing_key: Path

    @property
    def etcd_url(self) -> str:
        """Open to all who reach it, and so only ever on loopback."""
        return f"http://127.0.0.1:{self.etcd_port}"


def etcd(settings: ControlPlaneSettings) -> list[str]:
    """One member; what it stores need not survive a power cut."""
    peer = "http://127.0.0.1:0"
    return [
        f"{settings.programs}/etcd",
        f"--data-dir={settings.folder}/etcd",
        f"--listen-client-urls={settings.etcd_url}",
        f"--advertise-client-urls={settings.etcd_url}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def api_server(settings: ControlPlaneSettings, *extra: str) -> list[str]:
    """Node and RBAC authorization; every pod may be privileged, as in a fresh kubeadm cluster."""
    return [
        f"{settings.programs}/kube-apiserver",
        f"--etcd-servers={settings.etcd_url}",
        f"--bind-address={settings.address}",
        f"--advertise-address={settings.address}",
        f"--secure-port={settings.port}",
        f"--tls-cert-file={settings.serving.certificate}",
        f"--tls-private-key-file={settings.serving.key}",
        f"--client-ca-file={settings.authority.certificate}",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={settings.signing_key}",
        f"--service-account-signing-key-file={settings.signing_key}",
        f"--service-cluster-ip-range={SERVICES}",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",
        "--profiling=false",
        *extra,
    ]


def controller_manager(settings: ControlPlaneSettings, kubeconfig: Path, *extra: str) -> list[str]:
    """Every controller with its own service account; serves no port."""
    return [
        f"{settings.programs}/kube-controller-manager",
        f"--kubeconfig={kubeconfig}",
        f"--root-ca-file={settings.authority.certificate}",
        f"--service-account-private-key-file={settings.signing_key}",
        f"--cluster-signing-cert-file={settings.authority.certificate}",
        f"--cluster-signing-key-file={settings.authority.key}",
        "--use-service-account-credentials=true",
        *QUICK,
        "--leader-elect=false",
        "--profiling=false",
        "--secure-port=0",
        *extra,
    ]


def scheduler(programs: Path, kubeconfig: Path) -> list[str]:
    """Serves no port."""
    return [
        f"{programs}/kube-scheduler",
        f"--kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--profiling=false",
        "--secure-port=0",
    ]
