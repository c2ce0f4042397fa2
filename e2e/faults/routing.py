"""Changes of where calls go."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl


def point(kubectl: Kubectl, namespace: str, alias: str, version: str) -> None:
    """Let an Alias, by the name of its object, name another version."""
    patch = json.dumps({"spec": {"version": version}})
    kubectl("patch", "aliases.funclet.dev", alias, "-n", namespace, "--type=merge", f"--patch={patch}")


def scale(kubectl: Kubectl, namespace: str, function: str, minimum: int) -> None:
    """Set the floor of a Function's instances, as `kubectl scale` does."""
    kubectl("scale", "functions.funclet.dev", function, "-n", namespace, f"--replicas={minimum}")
