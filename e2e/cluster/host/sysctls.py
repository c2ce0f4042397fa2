"""Kernel settings that a node changes, noted before and put back after."""

from __future__ import annotations

import json
from pathlib import Path

from cluster.host import settings

ROOT = Path("/proc/sys")
FORWARDING = "net/ipv4/ip_forward"
BRIDGE_FILTER = "net/bridge/bridge-nf-call-iptables"
# The last ones are set by every kubelet.
CHANGED = (
    FORWARDING,
    BRIDGE_FILTER,
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)
SAVED = settings.STATE / "sysctls.json"


def save() -> None:
    """Note the settings, unless they are noted already."""
    if not SAVED.exists():
        found = {name: (ROOT / name).read_text("utf-8") for name in CHANGED if exists(name)}
        SAVED.write_text(json.dumps(found), "utf-8")


def restore() -> None:
    """Put back what was noted; each kernel setting that is gone by now stays so."""
    for name, value in (json.loads(SAVED.read_text("utf-8")) if SAVED.exists() else {}).items():
        if exists(name) and (ROOT / name).read_text("utf-8") != value:
            write(name, value)


def exists(name: str) -> bool:
    """Whether this kernel has the setting, by its path below /proc/sys."""
    return (ROOT / name).exists()


def write(name: str, value: str) -> None:
    """Change a setting. Raises OSError where it cannot be."""
    (ROOT / name).write_text(value, "utf-8")
