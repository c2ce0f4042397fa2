"""The kinds of the REST API, under every name that people call them."""

from dataclasses import dataclass
from typing import Any

GROUP = "funclet.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
VERBS = ("create", "delete", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of group funclet.dev."""

    kind: str
    plural: str
    singular: str
    short: str


KINDS = (
    Kind("Function", "functions", "function", "fn"),
    Kind("FunctionVersion", "functionversions", "functionversion", "fnv"),
    Kind("Alias", "aliases", "alias", "fna"),
)
BY_PLURAL = {kind.plural: kind for kind in KINDS}
BY_KIND = {kind.kind: kind for kind in KINDS}


def find_kind(word: str) -> Kind | None:
    """The kind that a person means by a plural, singular, short name or kind, with or without the group."""
    wanted = word.lower().removesuffix(f".{GROUP}")
    return next((kind for kind in KINDS if wanted in {kind.plural, kind.singular, kind.short}), None)


def discovery() -> dict[str, Any]:
    """The APIResourceList of the group's version."""
    resources: list[dict[str, Any]] = []
    for kind in KINDS:
        resources += [
            {
                "name": kind.plural,
                "singularName": kind.singular,
                "namespaced": True,
                "kind": kind.kind,
                "verbs": list(VERBS),
                "shortNames": [kind.short],
                "categories": ["funclet"],
            },
            {
                "name": f"{kind.plural}/status",
                "singularName": "",
                "namespaced": True,
                "kind": kind.kind,
                "verbs": ["get", "patch", "update"],
            },
        ]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": API_VERSION,
        "resources": resources,
    }
