"""Leases: who holds one, until when, and how they look as objects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from funclet.kube.kinds import kind_of
from funclet.kube.objects import micro_time
from funclet.kube.port import Object
from funclet.plan.plan import Key

_MANAGED = {"app.kubernetes.io/managed-by": "funclet"}
#: label: whose Lease it is, where several releases share a namespace
RELEASE = "funclet.dev/release"


def lease_manifest(
    key: Key,
    holder: str,
    *,
    seconds: float,
    now: datetime,
    version: str | None = None,
    annotations: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Object:
    """Make a Lease as `holder` writes it; with a `version` it replaces only the one of this resourceVersion."""
    metadata: Object = {
        "namespace": key.namespace,
        "name": key.name,
        "labels": {**_MANAGED, **(labels or {})},
    }
    if annotations:
        metadata["annotations"] = dict(annotations)
    if version is not None:
        metadata["resourceVersion"] = version
    return {
        "apiVersion": kind_of("Lease").api_version,
        "kind": "Lease",
        "metadata": metadata,
        "spec": {
            "holderIdentity": holder,
            # Kubernetes knows whole seconds only, and not none of them.
            "leaseDurationSeconds": max(1, round(seconds)),
            "renewTime": micro_time(now),
        },
    }


@dataclass(frozen=True, slots=True)
class Sighting:
    """A Lease as this process saw it change last, by its own clock: whose clock renewTime is does not matter."""

    holder: str
    seconds: float
    renewed: str
    #: this process's clock
    at: float

    def runs(self, now: float) -> bool:
        """Tell whether its holder may still rely on it."""
        return bool(self.holder) and now - self.at < self.seconds


@dataclass(slots=True)
class Sightings:
    """The Leases that this process looks at, by name."""

    _seen: dict[str, Sighting] = field(default_factory=dict)

    def see(self, lease: Mapping[str, Any], now: float) -> Sighting:
        """Look at a Lease that was read just now."""
        name, spec = lease["metadata"]["name"], lease.get("spec") or {}
        holder, renewed = spec.get("holderIdentity") or "", spec.get("renewTime") or ""
        known = self._seen.get(name)
        if known is None or (known.holder, known.renewed) != (holder, renewed):
            known = Sighting(holder, float(spec.get("leaseDurationSeconds") or 0), renewed, now)
            self._seen[name] = known
        return known

    def keep(self, names: set[str]) -> None:
        """Forget all others."""
        self._seen = {name: seen for name, seen in self._seen.items() if name in names}

    def excuse(self, seconds: float) -> None:
        """Do not count a time in which nothing could be seen, nor written by anybody."""
        for name, seen in self._seen.items():
            self._seen[name] = Sighting(seen.holder, seen.seconds, seen.renewed, seen.at + seconds)
