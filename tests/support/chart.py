"""The chart, rendered by Helm's own engine without a cluster."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import helm_python
import yaml

from funclet.plan.labels import REVISION

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "funclet"
NAMESPACE = "funclet-system"
DIGEST = "sha256:" + 64 * "a"
COMPONENT = "app.kubernetes.io/component"

Object = dict[str, Any]
Values = Mapping[str, Any]

#: what every installation must say
IMAGES: Values = {
    "supervisorImage": {"digest": DIGEST},
    "runtimes": {name: {"image": {"digest": DIGEST}} for name in ("python", "nodejs", "provided")},
}

SCOPED: Values = {
    "scope": {"namespaces": ["team-a", "team-b"]},
    "defaultNamespace": "team-a",
    "auth": {"mode": "Token"},
}

#: one for each thing that people do with the chart
SCENARIOS: Mapping[str, Values] = {
    "default": {},
    "scoped": SCOPED,
    "scoped without CRDs": {**SCOPED, "crds": {"enabled": False}},
    "everything switched on": {
        "operator": {"replicas": 2, "priorityClassName": "system-cluster-critical"},
        "ingress": {"enabled": True, "host": "functions.example.com", "className": "nginx"},
        "httpRoute": {
            "enabled": True,
            "parentRefs": [{"name": "web", "namespace": "edge", "sectionName": "https"}],
            "hostnames": ["functions.example.com"],
            "timeout": "905s",
            "redirect": {"enabled": True, "parentRefs": [{"name": "web", "sectionName": "http"}]},
        },
        "monitoring": {"serviceMonitor": {"enabled": True}, "dashboard": {"enabled": True}},
        "tests": {"invoke": "greet"},
        "global": {"imageRegistry": "registry.example.com/mirror", "imagePullSecrets": ["pull"]},
        "commonLabels": {"team": "platform"},
        "pods": {"imagePullSecrets": ["pull"], "runtimeClassName": "gvisor", "nodeSelector": {"disk": "ssd"}},
    },
    "everything switched off": {
        "gateway": {"replicas": 1},
        "rbac": {"create": False},
        "networkPolicy": {"enabled": False},
        "crds": {"enabled": False},
        "tests": {"enabled": False},
        "auth": {"mode": "None"},
        "keys": {"existingSecret": "my-keys"},
    },
    "placed": {
        component: {
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "tolerations": [{"key": "system", "operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "rack",
                    "whenUnsatisfiable": "DoNotSchedule",
                    "labelSelector": {"matchLabels": {"a": "b"}},
                }
            ],
            "podLabels": {"a": "b"},
            "podAnnotations": {"c": "d"},
            "extraEnv": [{"name": "TZ", "value": "UTC"}],
            "serviceAccount": {"annotations": {"e": "f"}},
        }
        for component in ("operator", "gateway")
    },
    "code from inside": {
        "code": {
            "allowHttp": True,
            "allowedNetworks": ["10.96.0.0/16", "fd00:1::/64"],
            "s3": {"endpoint": "http://minio.storage.svc:9000", "region": "garage"},
        },
        "networkPolicy": {"gateway": {"to": [{"podSelector": {}}], "ports": [443, 8080]}},
    },
    "from outside": {
        "gateway": {"service": {"type": "LoadBalancer", "port": 80, "annotations": {"g": "h"}}},
        "networkPolicy": {
            "apiServer": {"to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}]},
            "gateway": {"from": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "to": [{"podSelector": {}}]},
            "metrics": {
                "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "watch"}}}]
            },
        },
    },
}


def merged(*layers: Values) -> dict[str, Any]:
    """Lay values over values, as Helm does: maps are merged, all else is replaced."""
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = result.get(key)
            both = isinstance(old, Mapping) and isinstance(value, Mapping)
            result[key] = merged(old, value) if both and isinstance(old, Mapping) else value
    return result


@dataclass(frozen=True)
class Rendered:
    """What Helm would install."""

    files: Mapping[str, str]

    @cached_property
    def objects(self) -> list[Object]:
        """All of it, without the notes."""
        return [each for name, text in self.files.items() if name.endswith(".yaml") for each in parsed(text)]

    @property
    def notes(self) -> str:
        """What Helm says after the installation."""
        return self.files["funclet/templates/NOTES.txt"]

    def all(self, *kinds: str) -> list[Object]:
        """All objects of these kinds."""
        return [each for each in self.objects if each["kind"] in kinds]

    def one(self, kind: str, name: str, namespace: str = NAMESPACE) -> Object:
        """One object; a cluster-scoped one is found in any namespace."""
        (found,) = [
            each
            for each in self.all(kind)
            if each["metadata"]["name"] == name and each["metadata"].get("namespace", namespace) == namespace
        ]
        return found

    def pods(self) -> Iterator[tuple[str, Object]]:
        """Each pod that comes of it, by component, as {metadata, spec}."""
        for each in self.all("Deployment"):
            yield each["metadata"]["labels"][COMPONENT], each["spec"]["template"]
        for each in self.all("Pod"):
            yield each["metadata"]["labels"][COMPONENT], each


@cache
def _chart() -> helm_python.Chart:
    return helm_python.Chart.load(CHART)


def parsed(text: str) -> list[Object]:
    """Read the objects of a YAML text."""
    return [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each]


def render(*layers: Values, name: str = "funclet", namespace: str = NAMESPACE) -> Rendered:
    """Render the chart with these values over those of every installation.

    Raises HelmValuesError where the schema refuses them, HelmRenderError where a template does.
    """
    return Rendered(_chart().render(merged(IMAGES, *layers), name=name, namespace=namespace))


@cache
def scenario(name: str) -> Rendered:
    """Render one of SCENARIOS."""
    return render(SCENARIOS[name])


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects these labels."""
    matches = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return matches and all(_fits(each, labels) for each in selector.get("matchExpressions", ()))


def _fits(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    among = labels.get(expression["key"]) in expression["values"]
    return among if expression["operator"] == "In" else not among


#: labels that the operator writes on a pod of a function
FUNCTION_LABELS = {
    "app.kubernetes.io/managed-by": "funclet",
    COMPONENT: "function",
    "app.kubernetes.io/name": "greet",
    REVISION: "greet-0123456789",
}
