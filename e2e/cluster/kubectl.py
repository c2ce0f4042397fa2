"""kubectl, as a function."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Kubectl:
    """Calls kubectl with one kubeconfig; both are paths. No other setting of this machine's user is read."""

    program: Path
    kubeconfig: Path

    def __call__(
        self, *arguments: str, manifests: Sequence[Mapping[str, Any]] = (), timeout: float = 60
    ) -> str:
        """What it printed; `manifests` come to it as `-f -`. Raises ClusterError with what it said."""
        command = [str(self.program), f"--kubeconfig={self.kubeconfig}", *arguments]
        documents = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
        try:
            done = subprocess.run(
                command,
                input=documents if manifests else "",
                check=False,
                capture_output=True,
                text=True,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as late:
            raise ClusterError(f"kubectl {' '.join(arguments)}: no answer within {timeout:g} s") from late
        if done.returncode:
            raise ClusterError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def get(self, *arguments: str) -> Manifest:
        """`kubectl get` as an object. Raises ClusterError."""
        found: Manifest = json.loads(self("get", *arguments, "-o", "json"))
        return found

    def apply(self, *manifests: Mapping[str, Any], timeout: float = 60) -> str:
        """`kubectl apply` of these objects. Raises ClusterError."""
        return self("apply", "-f", "-", manifests=manifests, timeout=timeout)
