"""etcd and an API server alone, for tests of CRDs, CEL rules and controllers: no node, no pods, ready in seconds."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import binaries, commands
from cluster.access import Access
from cluster.errors import CannotRun, ClusterError
from cluster.kubectl import Kubectl
from cluster.pki import Authority
from cluster.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS_TO_START = 60.0
# A port that was free may be taken by the time its server binds it.
ATTEMPTS = 3
LOOPBACK = "127.0.0.1"
# What the API server answers once a program works.
WORKS = {
    "kube-apiserver": ("/readyz", "/api/v1/namespaces/default"),
    "kube-controller-manager": ("/api/v1/namespaces/default/serviceaccounts/default",),
}


@dataclass(frozen=True)
class ControlPlane:
    """A running API server; `admin` may do everything, by certificate or by `token` (a bearer token)."""

    folder: Path
    admin: Access
    token: str
    kubeconfig: Path
    kubectl: Kubectl
    processes: Processes
    _argvs: dict[str, list[str]]
    # The standard input of each process: all end when its other side is closed.
    _lifeline: int

    @property
    def server(self) -> str:
        """`https://127.0.0.1:PORT`."""
        return self.admin.server

    @property
    def authority(self) -> Path:
        """The certificate (PEM) by which the server is known."""
        return self.admin.authority

    def start(self, name: str) -> None:
        """Start `etcd`, `kube-apiserver` or `kube-controller-manager` where it was stopped; returns when it works."""
        self.processes.start(name, self._argvs[name], env={"END_WITH_STDIN": "1"}, stdin=self._lifeline)
        self.processes.wait_until(
            lambda: all(self.admin.answers(path) for path in WORKS.get(name, ())),
            [name],
            seconds=SECONDS_TO_START,
            what=f"{name} works",
        )

    def stop(self, name: str) -> None:
        """End one of its processes as a crash would; returns when it is gone. Its port stays its own."""
        self.processes.end([name], grace=0)


@contextlib.contextmanager
def control_plane(*, controllers: bool = False) -> Iterator[ControlPlane]:
    """A control plane of its own on free loopback ports; nothing of it is left afterwards, however this process ends.

    `controllers` runs the controller manager too: garbage collection, service account tokens, Deployments to
    ReplicaSets to Pods that nobody schedules. It takes up to 30 s to collect what objects of a new CRD own: where that
    counts, leave `controllers` out, apply the CRDs and `start("kube-controller-manager")` then. Without `controllers`,
    pods need no service account.
    Raises CannotRun where Kubernetes is not built, ClusterError where it does not start.
    """
    programs = binaries.find(binaries.KUBERNETES)
    if not hasattr(os, "posix_spawn") or not Path("/proc/self/stat").exists():
        raise CannotRun("the control plane for tests runs on Linux only")
    with contextlib.ExitStack() as stack:
        yield _first_that_starts(stack, programs, controllers=controllers)


def _first_that_starts(stack: contextlib.ExitStack, programs: Path, *, controllers: bool) -> ControlPlane:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with contextlib.ExitStack() as trial:
                started = trial.enter_context(_started(programs, controllers=controllers))
                stack.push(trial.pop_all())
                return started
        except ClusterError as failure:
            if attempt == ATTEMPTS or "address already in use" not in str(failure):
                raise
    raise AssertionError("the last attempt returns or raises")


@contextlib.contextmanager
def _started(programs: Path, *, controllers: bool) -> Iterator[ControlPlane]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="funclet-control-plane-")))
        lifeline, ours = os.pipe()
        stack.callback(os.close, ours)
        stack.callback(os.close, lifeline)
        processes = Processes(folder / "processes")
        # What it stores is thrown away: it need not end in order.
        stack.callback(processes.end, grace=0)
        plane = _prepare(folder, programs, processes, lifeline, controllers=controllers)
        for name in ("etcd", "kube-apiserver", *(["kube-controller-manager"] if controllers else [])):
            plane.start(name)
        yield plane


def _prepare(
    folder: Path, programs: Path, processes: Processes, lifeline: int, *, controllers: bool
) -> ControlPlane:
    token = secrets.token_urlsafe(24)
    authority = Authority(folder / "pki")
    client = authority.issue("admin", groups=["system:masters"])
    settings = _settings(folder, programs, authority)
    admin = Access(f"https://{LOOPBACK}:{settings.port}", settings.authority.certificate, client)
    kubeconfig = admin.write_kubeconfig(folder / "kubeconfig")
    tokens = folder / "tokens.csv"
    tokens.touch(mode=0o600)
    tokens.write_text(f'{token},admin,admin,"system:masters"\n', "utf-8")
    # Only the controller manager makes the service accounts without which this plugin admits no pod.
    plugins = () if controllers else ("--disable-admission-plugins=ServiceAccount",)
    argvs = {
        "etcd": commands.etcd(settings),
        "kube-apiserver": commands.api_server(
            settings, f"--token-auth-file={tokens}", "--endpoint-reconciler-type=none", *plugins
        ),
        "kube-controller-manager": commands.controller_manager(settings, kubeconfig),
    }
    kubectl = Kubectl(programs / "kubectl", kubeconfig)
    return ControlPlane(folder, admin, token, kubeconfig, kubectl, processes, argvs, lifeline)


def _settings(folder: Path, programs: Path, authority: Authority) -> commands.ControlPlaneSettings:
    port, etcd_port = _free_ports(2)
    return commands.ControlPlaneSettings(
        programs=programs,
        folder=folder,
        address=LOOPBACK,
        port=port,
        etcd_port=etcd_port,
        authority=authority.pair,
        serving=authority.issue("kube-apiserver", hosts=[LOOPBACK, *commands.SERVER_NAMES]),
        signing_key=authority.signing_key("service-accounts"),
    )


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((LOOPBACK, 0))
        return [one.getsockname()[1] for one in sockets]
