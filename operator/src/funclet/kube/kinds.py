"""The kinds that Funclet reads and writes: where the API server has them, and how much of them is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from funclet.kube.port import InvalidError, NotFoundError
from funclet.kube.trims import Trim, trim_pod

#: label selector of all that Funclet makes
OURS: Final = "app.kubernetes.io/managed-by=funclet"


@dataclass(frozen=True, slots=True)
class Kind:
    """Group (empty: core), version and plural; `selector`: the labels without which its objects are passed over."""

    name: str
    group: str
    version: str
    plural: str
    selector: str = ""

    @property
    def api_version(self) -> str:
        """As a manifest has it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def collection(self, namespace: str | None) -> str:
        """Path of all its objects in a namespace, or in all."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        return (
            f"{root}/namespaces/{_segment(namespace)}/{self.plural}" if namespace else f"{root}/{self.plural}"
        )

    def path(self, namespace: str, name: str, subresource: str = "") -> str:
        """Path of an object. Raises InvalidError for a name that can be none."""
        path = f"{self.collection(namespace or '.')}/{_segment(name)}"
        return f"{path}/{subresource}" if subresource else path


def _segment(name: str) -> str:
    # An empty name would speak of all objects; dots and slashes, however they are written, of other paths.
    if name in {"", ".", ".."} or not {"/", "%"}.isdisjoint(name):
        raise InvalidError(f"{name!r} is no name of an object")
    return quote(name, safe="")


_TABLE = (
    Kind("Function", "funclet.dev", "v1alpha1", "functions"),
    Kind("FunctionVersion", "funclet.dev", "v1alpha1", "functionversions"),
    Kind("Alias", "funclet.dev", "v1alpha1", "aliases"),
    Kind("Deployment", "apps", "v1", "deployments", OURS),
    Kind("ReplicaSet", "apps", "v1", "replicasets", OURS),
    Kind("ControllerRevision", "apps", "v1", "controllerrevisions", OURS),
    Kind("Pod", "", "v1", "pods", OURS),
    Kind("ConfigMap", "", "v1", "configmaps"),
    Kind("ResourceQuota", "", "v1", "resourcequotas"),
    Kind("Event", "events.k8s.io", "v1", "events"),
    Kind("Lease", "coordination.k8s.io", "v1", "leases", OURS),
)
KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in _TABLE}

#: what is kept of each kind, unless somebody says otherwise; whole objects where it says nothing
TRIMS: Final[Mapping[str, Trim]] = {"Pod": trim_pod}


def kind_of(name: str) -> Kind:
    """Look a kind up. Raises NotFoundError for one that Funclet has nothing to do with."""
    try:
        return KINDS[name]
    except KeyError:
        raise NotFoundError(f"the kind {name} is not known here") from None
