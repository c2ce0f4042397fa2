"""The kind provider: a node in a Docker container."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import binaries, containerd, shell
from cluster.errors import CannotRun, ClusterError
from cluster.kubectl import Kubectl
from cluster.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.containerd import Loaded

NAME = "funclet"
# The same limits that the host provider sets; tests rely on them.
CONFIG = """\
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
- role: control-plane
  labels: {topology.kubernetes.io/zone: z1}
  kubeadmConfigPatches:
  - |
    kind: KubeletConfiguration
    apiVersion: kubelet.config.k8s.io/v1beta1
    featureGates: {KubeletCrashLoopBackOffMax: true}
    crashLoopBackOff: {maxContainerRestartPeriod: 2s}
    maxPods: 250
    podPidsLimit: 256
    serializeImagePulls: false
"""


@dataclass
class Kind:
    """A kind cluster called `funclet`; others of this machine are left alone."""

    say: Callable[[str], None] = field(default_factory=Progress)

    @property
    def kubeconfig(self) -> Path:
        path = _kubeconfig()
        if not path.exists():
            raise CannotRun("there is no kind cluster of this project: make cluster PROVIDER=kind")
        return path

    @property
    def kubectl(self) -> Kubectl:
        return Kubectl(_program("kubectl"), self.kubeconfig)

    def up(self) -> None:
        kind = _kind()
        if NAME not in shell.run(kind, "get", "clusters").split():
            self.say("making a kind cluster")
            path = _kubeconfig()
            path.parent.mkdir(parents=True, exist_ok=True)
            command = (kind, "create", "cluster", "--name", NAME, "--config", "-", "--wait", "180s")
            shell.run(*command, "--kubeconfig", path, stdin=CONFIG, timeout=600)
        else:
            shell.run(kind, "export", "kubeconfig", "--name", NAME, "--kubeconfig", _kubeconfig())
        self.kubectl(
            "wait", "deployment/coredns", "-n", "kube-system", "--for=condition=Available", timeout=180
        )
        self.say(f"the cluster is ready: export KUBECONFIG={self.kubeconfig}")

    def down(self) -> None:
        shell.run(_kind(), "delete", "cluster", "--name", NAME, "--kubeconfig", _kubeconfig())
        _kubeconfig().unlink(missing_ok=True)
        self.say("the cluster is gone")

    def status(self) -> str:
        return self.kubectl("get", "nodes,pods", "--all-namespaces", "-o", "wide", timeout=10)

    def load(self, archive: Path) -> list[Loaded]:
        kind = _kind()
        shell.run(kind, "load", "image-archive", archive, "--name", NAME, timeout=300)
        loaded: list[Loaded] = []
        for node in shell.run(kind, "get", "nodes", "--name", NAME).split():
            ctr = ("docker", "exec", node, "ctr", "--namespace", "k8s.io")
            loaded = containerd.load(ctr, archive, already_there=True)
        return loaded


def _kubeconfig() -> Path:
    return binaries.cache_folder() / "kind" / "kubeconfig"


def _kind() -> Path:
    """Raises CannotRun where kind, or the Docker that it needs, is missing."""
    kind = _program("kind")
    if shell.which("docker") is None:
        raise CannotRun("kind needs Docker: https://docs.docker.com/engine/install, or use --provider host")
    try:
        shell.run("docker", "info", timeout=20)
    except ClusterError as failure:
        raise CannotRun(
            "Docker is installed but does not answer: start it, or use --provider host"
        ) from failure
    return kind


def _program(name: str) -> Path:
    if found := shell.which(name):
        return Path(found)
    if name == "kubectl":
        return binaries.find(binaries.KUBERNETES) / "kubectl"
    raise CannotRun(f"{name} is not installed: go install sigs.k8s.io/kind@v0.33.0, or use --provider host")
