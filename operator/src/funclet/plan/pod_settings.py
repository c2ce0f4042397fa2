"""The supervisor's settings in a pod."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from funclet.api.platform import PlatformConfig
from funclet.plan.capability import announce_capability, code_capability
from funclet.plan.environment import function_environment
from funclet.plan.revision import Revision
from funclet.plan.supervisor_settings import Place, supervisor_settings

INVOKE_PORT: Final = 8901
HEALTH_PORT: Final = 8902
TASK_ROOT: Final = "/var/task"
_RUNTIME_DIR: Final = "/var/runtime"


@dataclass(frozen=True, slots=True)
class GatewayKey:
    """A gateway's RSA public key."""

    id: str
    n: int
    e: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a revision's pods are rendered with, beside the revision: the same for all of them."""

    config: PlatformConfig
    capability_key: bytes = field(repr=False)
    gateway_keys: tuple[GatewayKey, ...]


def pod_settings(revision: Revision, cluster: Cluster, command: Sequence[str]) -> dict[str, Any]:
    """Give the settings of a revision's supervisor in a pod, as one JSON object."""
    environment = function_environment(
        revision, region=cluster.config.region, task_root=TASK_ROOT, runtime_dir=_RUNTIME_DIR
    )
    further: dict[str, Any] = {
        "listen": f"tcp:0.0.0.0:{INVOKE_PORT}",
        "health": f"tcp:0.0.0.0:{HEALTH_PORT}",
        "inherit_environment": True,
        "announce": _announce(revision, cluster),
        "keys": [{"id": key.id, "n": f"{key.n:x}", "e": f"{key.e:x}"} for key in cluster.gateway_keys],
    }
    image = revision.settings.code.image
    if image is None:
        further["code"] = _code(revision, cluster)
        return supervisor_settings(revision, Place(command, environment, TASK_ROOT, further))
    # The container starts in the image's own working directory, and `.` keeps it.
    folder = image.working_directory or "."
    return supervisor_settings(revision, Place(command, environment, folder, further))


def _announce(revision: Revision, cluster: Cluster) -> dict[str, str]:
    capability = announce_capability(cluster.capability_key, revision.namespace, revision.key)
    return {"url": f"{cluster.config.gateway_internal_url}/announce", "capability": capability}


def _code(revision: Revision, cluster: Cluster) -> dict[str, str]:
    sha256 = revision.code_sha256
    return {
        "url": f"{cluster.config.gateway_internal_url}/code/{revision.namespace}/{sha256}",
        "sha256": sha256,
        "capability": code_capability(cluster.capability_key, revision.namespace, sha256),
        "folder": TASK_ROOT,
    }
