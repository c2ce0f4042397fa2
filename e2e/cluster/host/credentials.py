"""Who is who in the cluster: certificates and kubeconfigs in the state folder, made once with each cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster import commands
from cluster.access import Access
from cluster.host.settings import ETCD_PORT, NODE, NODE_ADDRESS, PORT, STATE
from cluster.pki import Authority, Pair

if TYPE_CHECKING:
    from pathlib import Path

PKI = STATE / "pki"
SERVER = f"https://{NODE_ADDRESS}:{PORT}"
# Program: its user and groups, as Kubernetes's built-in roles name them.
USERS = {
    "admin": ("admin", ("system:masters",)),
    "kubelet": (f"system:node:{NODE}", ("system:nodes",)),
    "kube-controller-manager": ("system:kube-controller-manager", ()),
    "kube-proxy": ("system:kube-proxy", ()),
    "kube-scheduler": ("system:kube-scheduler", ()),
}


def prepare() -> Access:
    """The administrator's way in; makes all the files where they are not there yet."""
    if not kubeconfig("admin").exists():
        authority = Authority(PKI)
        authority.issue("kube-apiserver", hosts=[NODE_ADDRESS, "127.0.0.1", *commands.SERVER_NAMES])
        authority.signing_key("service-accounts")
        accesses = {
            program: Access(
                SERVER, authority.pair.certificate, authority.issue(program, user=user, groups=groups)
            )
            for program, (user, groups) in USERS.items()
        }
        for program in reversed(USERS):
            # The administrator's comes last: it marks that all is there.
            accesses[program].write_kubeconfig(kubeconfig(program), name=NODE)
    return Access(SERVER, _pair("ca").certificate, _pair("admin"))


def kubeconfig(program: str) -> Path:
    """Where a program's kubeconfig is."""
    return STATE / "kubeconfig" if program == "admin" else PKI / f"{program}.kubeconfig"


def control_plane(programs: Path) -> commands.ControlPlaneSettings:
    """The settings of etcd, API server and controller manager."""
    return commands.ControlPlaneSettings(
        programs=programs,
        folder=STATE,
        address=NODE_ADDRESS,
        port=PORT,
        etcd_port=ETCD_PORT,
        authority=_pair("ca"),
        serving=_pair("kube-apiserver"),
        signing_key=_pair("service-accounts").key,
    )


def for_kubelets() -> list[str]:
    """What the API server needs to ask kubelets for logs and to run commands in pods."""
    admin = _pair("admin")
    return [
        "--enable-admission-plugins=NodeRestriction",
        f"--kubelet-client-certificate={admin.certificate}",
        f"--kubelet-client-key={admin.key}",
        "--kubelet-preferred-address-types=InternalIP",
    ]


def _pair(name: str) -> Pair:
    return Pair(PKI / f"{name}.crt", PKI / f"{name}.key")
