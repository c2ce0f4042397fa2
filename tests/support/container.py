"""A container without a container engine: its own processes and mounts, a read-only root, a user without rights.

Run as a program it becomes the first process of one, by what standard input says.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

UID = 65532
_UNSHARE = ["unshare", "--mount", "--pid", "--fork"]


@cache
def why_not() -> str | None:
    """Why there can be no containers here."""
    if sys.platform != "linux" or not shutil.which("unshare") or not shutil.which("mount"):
        return "needs Linux with unshare and mount"
    if os.geteuid() != 0:
        return "needs root, for mounts and users"
    tried = subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False)
    return None if tried.returncode == 0 else f"unshare: {tried.stderr.decode().strip()}"


def start(
    root: Path,
    command: list[str],
    environment: dict[str, str],
    *,
    binds: dict[str, Path] | None = None,
    read_only: dict[str, Path] | None = None,
    **popen: Any,
) -> subprocess.Popen[bytes]:
    """Start `command` as process 1 of a container on `root`, where mount points are made for the binds.

    Its network is this machine's. What is returned ends when process 1, its child, does.
    """
    mounts = [(str(source), target, False) for target, source in (binds or {}).items()]
    mounts += [(str(source), target, True) for target, source in (read_only or {}).items()]
    told = {"root": str(root), "command": command, "environment": environment, "mounts": mounts}
    process = subprocess.Popen(
        [*_UNSHARE, sys.executable, "-I", "-S", __file__], stdin=subprocess.PIPE, **popen
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(told).encode())
    process.stdin.close()
    process.stdin = None
    return process


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _become(told: dict[str, Any]) -> None:
    root = told["root"]
    _mount("--make-rprivate", "/")
    _mount("--bind", root, root)
    # Before the binds: what is bound may lie below these.
    for kind, target in (("proc", "/proc"), ("tmpfs", "/tmp")):  # noqa: S108 - inside
        Path(root + target).mkdir(exist_ok=True)
        _mount("-t", kind, kind, root + target)
    for source, target, read_only in told["mounts"]:
        place = Path(root + target)
        if Path(source).is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
        _mount("--bind", source, str(place))
        if read_only:
            _mount("-o", "remount,bind,ro", str(place))
    _mount("-o", "remount,bind,ro", root)
    os.chroot(root)
    os.chdir("/")
    os.setgroups([])
    os.setgid(UID)
    os.setuid(UID)
    os.closerange(3, 256)
    os.execve(told["command"][0], told["command"], told["environment"])  # noqa: S606 - as a container engine does


if __name__ == "__main__":
    _become(json.load(sys.stdin))
