"""Faults of pods: deleted as by an eviction, or killed."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.errors import ClusterError

if TYPE_CHECKING:
    from random import Random

    from cluster.kubectl import Kubectl

Pod = dict[str, Any]
# The program that holds a pod's network open: whoever kills it kills another thing.
SANDBOX = "pause"


def of_function(kubectl: Kubectl, namespace: str, function: str) -> list[Pod]:
    """The pods of a Function, over all versions, that are not going. Names over 63 characters are not found."""
    found = kubectl.get("pods", "-n", namespace, "-l", f"funclet.dev/function={function}")["items"]
    return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]


def is_ready(pod: Pod) -> bool:
    """Whether its condition says so."""
    conditions = pod["status"].get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def delete(kubectl: Kubectl, pod: Pod) -> None:
    """SIGTERM, and its grace period; returns at once."""
    metadata = pod["metadata"]
    kubectl("delete", "pod", metadata["name"], "-n", metadata["namespace"], "--wait=false")


def delete_one(kubectl: Kubectl, namespace: str, function: str, chance: Random) -> str:
    """Delete any of a Function's pods; gives its name, empty where there is none."""
    running = of_function(kubectl, namespace, function)
    if not running:
        return ""
    victim = chance.choice(running)
    delete(kubectl, victim)
    return str(victim["metadata"]["name"])


def kill(kubectl: Kubectl, pod: Pod) -> str:
    """SIGKILL for all that runs in the pod, where its node is this machine; else the pod is deleted without grace.

    Gives what was done, in words.
    """
    pids = processes(pod)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if pids:
        return f"killed {len(pids)} processes"
    metadata = pod["metadata"]
    with contextlib.suppress(ClusterError):
        kubectl("delete", "pod", metadata["name"], "-n", metadata["namespace"], "--grace-period=0", "--force")
    return "deleted without grace"


def processes(pod: Pod) -> list[int]:
    """Processes of this machine in a pod's control group, the first ones first; empty where none can be seen."""
    uid = pod["metadata"]["uid"]
    names = (f"pod{uid}", f"pod{uid.replace('-', '_')}")
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            groups = (folder / "cgroup").read_text("utf-8")
            if any(name in groups for name in names) and (folder / "comm").read_text().strip() != SANDBOX:
                found.append(int(folder.name))
    # The first of a pod takes all others along: nobody inside sees them go.
    return sorted(found)
