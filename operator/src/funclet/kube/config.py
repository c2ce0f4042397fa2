"""Which cluster to speak with: a kubeconfig, or the one that this pod runs in."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from funclet.kube.port import KubeError

_HELP = "give --kubeconfig, set KUBECONFIG, or create ~/.kube/config"


class NoClusterError(KubeError):
    """It is not said which cluster, or what is said cannot be used; the message is for a person."""

    status, reason = 400, "NoCluster"


@dataclass(frozen=True, slots=True)
class InPod:
    """The cluster that this pod runs in, as its service account."""


@dataclass(frozen=True, slots=True)
class InFile:
    """A context of kubeconfig files (several as KUBECONFIG names them); None: the current one."""

    path: str
    context: str | None = None


Source = InPod | InFile


def choose(kubeconfig: Path | None, context: str | None, environ: Mapping[str, str]) -> Source:
    """Decide as kubectl does: the file given, KUBECONFIG, the user's own, then the pod. Raises NoClusterError."""
    if kubeconfig is not None:
        if not kubeconfig.is_file():
            raise NoClusterError(f"there is no kubeconfig at {kubeconfig}")
        return InFile(str(kubeconfig), context)
    if named := environ.get("KUBECONFIG"):
        if not any(Path(each).expanduser().is_file() for each in named.split(os.pathsep) if each):
            raise NoClusterError(f"KUBECONFIG names {named}, and there is no such file")
        return InFile(named, context)
    if (home := environ.get("HOME")) and (users := Path(home) / ".kube" / "config").is_file():
        return InFile(str(users), context)
    if environ.get("KUBERNETES_SERVICE_HOST"):
        if context is not None:
            raise NoClusterError(f"a pod's own cluster has no context {context}; {_HELP}")
        return InPod()
    raise NoClusterError(f"no cluster is configured: {_HELP}")
