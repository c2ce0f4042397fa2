"""The current provider: a cluster of yours, used and never changed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import archives, binaries, shell
from cluster.errors import CannotRun, ClusterError
from cluster.kubectl import Kubectl
from cluster.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.containerd import Loaded


@dataclass
class Current:
    """The cluster of $KUBECONFIG, or of ~/.kube/config."""

    say: Callable[[str], None] = field(default_factory=Progress)

    @property
    def kubeconfig(self) -> Path:
        path = Path(os.environ.get("KUBECONFIG") or "~/.kube/config").expanduser()
        if not path.is_file():
            raise CannotRun(f"{path} is no kubeconfig: set KUBECONFIG to the file of one cluster")
        return path

    @property
    def kubectl(self) -> Kubectl:
        program = shell.which("kubectl")
        return Kubectl(Path(program or binaries.find(binaries.KUBERNETES) / "kubectl"), self.kubeconfig)

    def up(self) -> None:
        self.say(f"using the cluster of {self.kubeconfig}")
        try:
            self.kubectl("version", timeout=20)
        except ClusterError as failure:
            raise CannotRun(f"the cluster of {self.kubeconfig} does not answer: {failure}") from failure
        self.say("it answers")

    def down(self) -> None:
        self.say("the cluster is yours: it stays as it is")

    def status(self) -> str:
        return self.kubectl("get", "nodes", "-o", "wide", timeout=20)

    def load(self, archive: Path) -> list[Loaded]:
        names = ", ".join(archives.names_in(archive))
        raise CannotRun(
            f"images reach a cluster of yours by a registry or its own loader (k3d, minikube…): bring it {names}"
        )
