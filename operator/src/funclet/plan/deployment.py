"""The Deployment of a revision. Its scale is the gateways' alone: what is applied never names replicas."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from funclet.api.base import Resource
from funclet.plan.labels import REVISION
from funclet.plan.owners import owner_reference

#: which template it was made from; tells a template that somebody edited from one that an older operator made
TEMPLATE: Final = "funclet.dev/template-sha256"


def template_hash(template: Mapping[str, Any]) -> str:
    """Hash a template as it is recorded; in hex."""
    return hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()


def deployment_manifest(owner: Resource, key: str, template: Mapping[str, Any]) -> dict[str, Any]:
    """Make what is applied: all but the scale."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": key,
            "namespace": owner.metadata.namespace,
            "labels": dict(template["metadata"]["labels"]),
            "annotations": {**template["metadata"]["annotations"], TEMPLATE: template_hash(template)},
            "ownerReferences": [owner_reference(owner, controller=True)],
        },
        "spec": {
            "selector": {"matchLabels": {REVISION: key}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "100%", "maxUnavailable": 0}},
            "revisionHistoryLimit": 0,
            "progressDeadlineSeconds": 60,
            "template": dict(template),
        },
    }


def at_zero(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Make what is created: without a number, the API server would start one instance."""
    return {**manifest, "spec": {"replicas": 0, **manifest["spec"]}}


def is_idle(deployment: Mapping[str, Any]) -> bool:
    """Whether it stands at 0, and none of its pods is left as far as it knows."""
    status = deployment.get("status") or {}
    seen = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    return seen and deployment["spec"].get("replicas") == 0 and not status.get("replicas")
