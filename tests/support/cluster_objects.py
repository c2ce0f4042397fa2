"""Objects for tests on a real API server."""

from typing import Any

from support.objects import function_manifest

Manifest = dict[str, Any]
MANAGED = {"app.kubernetes.io/managed-by": "funclet"}


def function_in(namespace: str, name: str = "greet", **spec: Any) -> Manifest:
    """A Function as a user writes it, in this namespace."""
    manifest = function_manifest(name, **spec)
    manifest["metadata"]["namespace"] = namespace
    return manifest


def pod_in(namespace: str, name: str, **labels: str) -> Manifest:
    """A pod with Funclet's label and these."""
    environment = [{"name": "SECRET", "value": "x"}]
    container = {"name": "function", "image": "example.com/none:1", "env": environment}
    metadata = {"name": name, "namespace": namespace, "labels": {**MANAGED, **labels}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}


def deployment_in(namespace: str, name: str, *, image: str = "example.com/none:1", **spec: Any) -> Manifest:
    """A Deployment with Funclet's label; without `replicas` unless given."""
    labels = {**MANAGED, "funclet.dev/revision": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "function", "image": image}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": pod, **spec},
    }


def config_map_in(namespace: str, name: str, *, owner: Manifest | None = None) -> Manifest:
    """A small object of a kind that has no status."""
    metadata: Manifest = {"name": name, "namespace": namespace}
    if owner is not None:
        metadata["ownerReferences"] = [
            {
                "apiVersion": owner["apiVersion"],
                "kind": owner["kind"],
                "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"],
                "controller": True,
            }
        ]
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1"}}
