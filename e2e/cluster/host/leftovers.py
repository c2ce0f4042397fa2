"""What remains of containers when their node's processes are gone, and removing it."""

from __future__ import annotations

import contextlib
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import shell
from cluster.host import settings
from cluster.processes import Process, end_processes

if TYPE_CHECKING:
    from collections.abc import Iterable

BOOT = Path("/proc/sys/kernel/random/boot_id")
MARK = settings.STATE / "boot_id"
# These are the same whatever folders containerd, the kubelet and the CNI plugins are given.
SHIM_SOCKETS = Path("/run/containerd/s")
DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")
RESULTS = Path("/var/lib/cni/results")
LOG_LINKS = Path("/var/log/containers")
FIXED_FOLDERS = (
    LOG_LINKS,
    *(folder for inner in (SHIM_SOCKETS, DEVICE_PLUGINS, RESULTS) for folder in (inner, inner.parent)),
)


def mark() -> None:
    """Note that the state folder belongs to this start of the machine."""
    MARK.write_text(BOOT.read_text("utf-8"), "utf-8")


def of_another_boot() -> bool:
    """Whether what is there was made before this machine last started."""
    return MARK.exists() and MARK.read_text("utf-8") != BOOT.read_text("utf-8")


def end_shims() -> None:
    """The shims of containerd outlive it; ours are known by our socket."""
    end_processes(filter(None, map(Process.seen, _shims())), grace=0)


def unmount() -> None:
    """Every mount below the state folder, the innermost first."""
    mounts = Path("/proc/self/mountinfo").read_text("utf-8")
    for point in mount_points(mounts, below=settings.STATE):
        shell.run("umount", "--lazy", point)


def mount_points(mountinfo: str, *, below: Path) -> list[str]:
    """The mount points below a folder, innermost first, out of the text of /proc/self/mountinfo."""
    points = [line.split()[4] for line in mountinfo.splitlines()]
    plain = [point.encode().decode("unicode_escape") for point in points]
    return sorted((point for point in plain if point.startswith(f"{below}/")), key=len, reverse=True)


def remove_files() -> None:
    """The state folder, and the few files that the kubelet, containerd and the CNI plugins put elsewhere."""
    for link in LOG_LINKS.glob("*.log"):
        if link.is_symlink() and link.readlink().is_relative_to(settings.STATE):
            link.unlink()
    for file in network_results(path.name for path in RESULTS.glob("*")):
        (RESULTS / file).unlink()
    for path in (*SHIM_SOCKETS.glob("*"), *DEVICE_PLUGINS.glob("*.sock")):
        if _abandoned(path):
            path.unlink()
    shutil.rmtree(settings.STATE)
    for folder in FIXED_FOLDERS:
        # Those that others use are not empty.
        with contextlib.suppress(OSError):
            folder.rmdir()


def network_results(files: Iterable[str]) -> set[str]:
    """Those of our pods among the names of the CNI plugins' results, NETWORK-SANDBOX-LINK."""
    parts = {file: tuple(file.rsplit("-", 2)) for file in files}
    ours = {sandbox for network, sandbox, _ in parts.values() if network == settings.POD_NETWORK}
    return {file for file, (_, sandbox, _) in parts.items() if sandbox in ours}


def _abandoned(path: Path) -> bool:
    """Whether nothing listens at this socket."""
    with socket.socket(socket.AF_UNIX) as trial:
        try:
            trial.connect(str(path))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False


def _shims() -> list[int]:
    ours = str(settings.socket()).encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"containerd-shim" in words[0] and ours in words:
                found.append(int(folder.name))
    return found
