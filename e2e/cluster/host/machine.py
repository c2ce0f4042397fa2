"""What the host provider asks of a machine before it starts anything, and what it finds there."""

from __future__ import annotations

import contextlib
import os
import platform
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import shell
from cluster.errors import CannotRun, ClusterError
from cluster.host import settings, sysctls

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGES = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    f"{settings.CNI_PROGRAMS}/bridge": "containernetworking-plugins",
    "conntrack": "conntrack",
    "ethtool": "ethtool",
    "ip": "iproute2",
    "iptables": "iptables",
    "mount": "mount",
    "nft": "nftables",
    "socat": "socat",
}


def require() -> None:
    """Raises CannotRun where no node can run, with what would help."""
    elsewhere = "use --provider kind where Docker is, or --provider current with a cluster of yours"
    if platform.system() != "Linux":
        raise CannotRun(f"the host provider runs on Linux only: {elsewhere}")
    if os.geteuid() != 0:
        raise CannotRun(f"the host provider starts containers as root: run it by sudo, or {elsewhere}")


def prepare(say: Callable[[str], None]) -> settings.Machine:
    """Install what is missing, and let mounts spread into containers. Raises CannotRun."""
    shell.install(PACKAGES, say)
    # A private root mount keeps each deleted pod's network namespace busy, and the kubelet with it.
    shell.run("mount", "--make-rshared", "/")
    settings.STATE.mkdir(mode=0o711, parents=True, exist_ok=True)
    sysctls.save()
    return settings.Machine(
        snapshotter="overlayfs" if _overlays(settings.STATE) else "native",
        bridged_traffic_filtered=_filter_bridged_traffic(),
        resolv_conf=_resolv_conf(),
    )


def _overlays(folder: Path) -> bool:
    """Whether an overlay can be mounted there; on another overlay it cannot."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        trial = Path(name)
        for part in ("lower", "upper", "work", "merged"):
            (trial / part).mkdir()
        options = f"lowerdir={trial}/lower,upperdir={trial}/upper,workdir={trial}/work"
        try:
            shell.run("mount", "-t", "overlay", "overlay", "-o", options, trial / "merged")
        except ClusterError:
            return False
        shell.run("umount", trial / "merged")
    return True


def _filter_bridged_traffic() -> bool:
    if not sysctls.exists(sysctls.BRIDGE_FILTER):
        # Built in, or not to be had: the file tells.
        with contextlib.suppress(ClusterError, CannotRun):
            shell.run("modprobe", "br_netfilter")
    if not sysctls.exists(sysctls.BRIDGE_FILTER):
        return False
    sysctls.write(sysctls.BRIDGE_FILTER, "1\n")
    return True


def _resolv_conf() -> str:
    """systemd-resolved's own list of servers: its stub listens on an address that pods do not reach."""
    behind_stub = Path("/run/systemd/resolve/resolv.conf")
    return str(behind_stub if behind_stub.exists() else Path("/etc/resolv.conf"))
