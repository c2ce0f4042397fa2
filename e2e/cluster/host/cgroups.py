"""The cgroup that holds all pods: made beforehand, and emptied and removed at the end."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from cluster.errors import CannotRun, ClusterError
from cluster.host.settings import CGROUP
from cluster.processes import POLL, Process, end_processes

NEEDED = ("cpu", "cpuset", "memory", "pids")
# Where the kernel has these, the kubelet wants them in its cgroup too.
USED = ("hugetlb", "io")


def hierarchies(mounts: str) -> dict[str, Path]:
    """Where cgroup v1 controllers are mounted, of the text of /proc/mounts; by controllers and other mount options."""
    found = {}
    for line in mounts.splitlines():
        _, folder, kind, options = line.split()[:4]
        if kind == "cgroup":
            found.update({option: Path(folder) for option in options.split(",")})
    return found


def prepare() -> None:
    """Make the cgroup. Raises CannotRun where the machine's cgroups lack a controller or cannot be written."""
    try:
        if Path("/sys/fs/cgroup/cgroup.controllers").exists():
            _prepare_unified(Path("/sys/fs/cgroup"))
        else:
            _prepare_each(hierarchies(Path("/proc/mounts").read_text("utf-8")))
    except OSError as refused:
        raise CannotRun(
            f"cgroups cannot be made here ({refused}): run on a machine, not in a container"
        ) from refused


def clear() -> None:
    """End all processes in the cgroup, whoever started them, and remove it."""
    latest = time.monotonic() + 10
    while folders := _folders():
        pids = {pid for folder in folders for pid in _pids(folder)}
        end_processes(filter(None, map(Process.seen, pids)), grace=0)
        for folder in folders:
            # A process that is being buried keeps its cgroup for a moment.
            with contextlib.suppress(OSError):
                folder.rmdir()
        if time.monotonic() > latest:
            raise ClusterError(f"{folders[-1]} cannot be removed: something in it does not end")
        time.sleep(POLL)


def _prepare_unified(root: Path) -> None:
    there = set((root / "cgroup.controllers").read_text("utf-8").split())
    _require(there)
    (root / CGROUP).mkdir(exist_ok=True)
    for folder in (root, root / CGROUP):
        wanted = " ".join(f"+{name}" for name in sorted(there & {*NEEDED, *USED}))
        (folder / "cgroup.subtree_control").write_text(wanted, "utf-8")


def _prepare_each(controllers: dict[str, Path]) -> None:
    _require(set(controllers))
    for folder in set(controllers.values()):
        (folder / CGROUP).mkdir(exist_ok=True)
    # A new cpuset is empty, and nothing may run in it.
    parent = controllers["cpuset"]
    for setting in ("cpuset.cpus", "cpuset.mems"):
        (parent / CGROUP / setting).write_text((parent / setting).read_text("utf-8"), "utf-8")


def _require(controllers: set[str]) -> None:
    if missing := sorted(set(NEEDED) - controllers):
        raise CannotRun(f"the kernel's cgroups lack {', '.join(missing)}")


def _folders() -> list[Path]:
    """All that is left of it, the innermost first."""
    roots = [path for pattern in (CGROUP, f"*/{CGROUP}") for path in Path("/sys/fs/cgroup").glob(pattern)]
    inner = [path for root in roots for path in root.rglob("*") if path.is_dir()]
    return sorted([*roots, *inner], key=lambda path: len(path.parts), reverse=True)


def _pids(folder: Path) -> list[int]:
    try:
        return [int(pid) for pid in (folder / "cgroup.procs").read_text("utf-8").split()]
    except OSError:
        return []
