"""Helm, as a function."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster import binaries, shell

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Helm:
    """Calls Helm with one kubeconfig."""

    kubeconfig: Path

    def __call__(self, *arguments: str | Path, timeout: float = 300) -> str:
        """What it printed. Raises CannotRun where there is no Helm, ClusterError with what it said."""
        return shell.run(_program(), f"--kubeconfig={self.kubeconfig}", *arguments, timeout=timeout)

    def install(
        self, name: str, chart: Path, namespace: str, *layers: Mapping[str, Any], seconds: int = 240
    ) -> str:
        """Install a release or upgrade it, and wait until its pods are ready; later values lie over earlier ones.

        Raises CannotRun, ClusterError.
        """
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for index, layer in enumerate(layers):
                file = Path(folder) / f"{index}.json"
                file.write_text(json.dumps(layer), "utf-8")
                files.append(f"--values={file}")
            where = (f"--namespace={namespace}", "--create-namespace")
            patience = ("--wait", f"--timeout={seconds}s")
            return self("upgrade", "--install", name, chart, *where, *files, *patience, timeout=seconds + 30)


def _program() -> str:
    return shell.which("helm") or str(binaries.find(binaries.HELM) / "helm")
