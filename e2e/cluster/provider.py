"""What each way to a cluster offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.containerd import Loaded
    from cluster.kubectl import Kubectl


class Provider(Protocol):
    """A cluster, made or merely used. Each method raises CannotRun or ClusterError with what to do next."""

    @property
    def kubeconfig(self) -> Path:
        """The file by which the cluster's administrator reaches it. Raises CannotRun where there is no cluster."""
        ...

    @property
    def kubectl(self) -> Kubectl:
        """Calls kubectl with that kubeconfig."""
        ...

    def up(self) -> None:
        """Make the cluster, or what is missing of it; returns when pods run and names resolve."""
        ...

    def down(self) -> None:
        """End the cluster and remove all that it left; nothing happens where there is none."""
        ...

    def status(self) -> str:
        """What a person wants to know of it, in a few lines."""
        ...

    def load(self, archive: Path) -> list[Loaded]:
        """Bring the images of an archive to every node, by name and by digest; no registry is asked."""
        ...
