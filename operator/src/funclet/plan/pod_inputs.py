"""Secrets and ConfigMaps in a pod, by reference alone: nothing here ever sees what they hold."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from funclet.api.rules.environment import RESERVED
from funclet.api.settings import KeyReference, VersionedSettings
from funclet.plan import reasons
from funclet.plan.routes import Unavailable

_KEY = re.compile(r"(?!\.\.)[-._a-zA-Z0-9]{1,253}")
#: what the platform mounts, and what lies above it: a mount there would hide it
_HELD = re.compile(r"/var|/funclet(/.*)?")


@dataclass(frozen=True, slots=True)
class Inputs:
    """Parts of a pod: `variables` for env, `sources` for envFrom."""

    variables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sources: tuple[Mapping[str, Any], ...] = ()
    volumes: tuple[Mapping[str, Any], ...] = ()
    mounts: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class _Kind:
    """How Kubernetes calls one of the two, in each of the places where a pod names it."""

    field: Literal["secrets", "configMaps"]
    volume: str
    volume_source: str
    volume_name: str
    key_source: str
    source: str


# A Secret outranks a ConfigMap: Kubernetes lets the last one win.
_CONFIG_MAP: Final = _Kind("configMaps", "config-map", "configMap", "name", "configMapKeyRef", "configMapRef")
_SECRET: Final = _Kind("secrets", "secret", "secret", "secretName", "secretKeyRef", "secretRef")


def inputs(settings: VersionedSettings) -> Inputs | Unavailable:
    """Give what a revision takes from its namespace, or say which reference no pod can have."""
    entries = list(_entries(settings))
    for kind, index, reference in entries:
        if problem := _problem(f"spec.{kind.field}[{index}]", reference):
            return Unavailable(reasons.INVALID_SPEC, problem)
    mounted = [(kind, index, ref) for kind, index, ref in entries if ref.mount_path is not None]
    return Inputs(
        variables={
            name: {"valueFrom": {kind.key_source: {"name": ref.name, "key": key}}}
            for kind, _, ref in entries
            for name, key in sorted((ref.variables or {}).items())
            if not _is_reserved(name)
        },
        sources=tuple(_source(kind, ref) for kind, _, ref in entries if ref.prefix is not None),
        volumes=tuple(
            {"name": f"{kind.volume}-{index}", kind.volume_source: {kind.volume_name: ref.name}}
            for kind, index, ref in mounted
        ),
        mounts=tuple(
            {"name": f"{kind.volume}-{index}", "mountPath": ref.mount_path, "readOnly": True}
            for kind, index, ref in mounted
        ),
    )


def _entries(settings: VersionedSettings) -> Iterator[tuple[_Kind, int, KeyReference]]:
    for kind, references in ((_CONFIG_MAP, settings.config_maps), (_SECRET, settings.secrets)):
        yield from ((kind, index, reference) for index, reference in enumerate(references))


def _problem(path: str, reference: KeyReference) -> str | None:
    if reference.mount_path is not None and _HELD.fullmatch(reference.mount_path):
        return f"{path}.mountPath: {reference.mount_path} would hide what the platform mounts; choose another folder"
    for name, key in sorted((reference.variables or {}).items()):
        if not _KEY.fullmatch(key) or key == ".":
            return f"{path}.variables.{name}: a key has letters, digits, -, _ and . alone"
    return None


def _source(kind: _Kind, reference: KeyReference) -> dict[str, Any]:
    # An empty prefix is left out, as the API server leaves it out.
    prefix = {"prefix": reference.prefix} if reference.prefix else {}
    return {**prefix, kind.source: {"name": reference.name}}


def _is_reserved(name: str) -> bool:
    return name in RESERVED or name.startswith("FUNCLET_")
