"""A namespace for one test, or for those of a file."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.kubectl import Kubectl


@contextlib.contextmanager
def own_namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace that enforces `restricted`, for as long as the block runs."""
    name = f"e2e-{secrets.token_hex(4)}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": name, "labels": labels}
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    yield name
    # The namespace itself takes half a minute more, in which nothing runs in it.
    kubectl("delete", "namespace", name, "--wait=false")
    kubectl("wait", "pods", "--all", "-n", name, "--for=delete", "--timeout=90s", timeout=120)
