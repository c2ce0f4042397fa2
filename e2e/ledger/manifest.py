"""The probe as a Function."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

API = "funclet.dev/v1alpha1"
CODE = Path(__file__).with_name("probe.py")


def function(name: str, collector: str, *, namespace: str = "", **spec: Any) -> dict[str, Any]:
    """A Function that runs the probe and tells the collector at HOST:PORT; `spec` is laid over its own."""
    environment: Mapping[str, str] = spec.pop("environment", {})
    return {
        "apiVersion": API,
        "kind": "Function",
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "spec": {
            "runtime": "python",
            "handler": "probe.handler",
            "memory": "128Mi",
            "timeout": "30s",
            "code": {"inline": {CODE.name: CODE.read_text("utf-8")}},
            "environment": {"LEDGER_COLLECTOR": collector, **environment},
            **spec,
        },
    }
