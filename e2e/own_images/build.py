"""Builds them: what is needed is fetched here, by the locked hashes, and copied into the builds."""

from __future__ import annotations

import platform
import re
import shutil
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import images, shell
from cluster.errors import CannotRun

if TYPE_CHECKING:
    from cluster.images import Archive

HERE = Path(__file__).parent
LOCKED = HERE.parents[1] / "requirements" / "dev.txt"
BASE, BASE_VERSION = "docker.io/library/python:3.13-slim", "3.13"
# The Python of the Debian that stands in for it, which has what the client's compiled part links to as well.
SUBSTITUTE_VERSION = "3.11"
PACKAGES = ("python3", "libstdc++6")
CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")
# The newest C library that a wheel may ask for, first; Debian 12 has 2.36.
PLATFORMS = (
    "manylinux_2_34",
    "manylinux_2_28",
    "manylinux_2_17",
    "manylinux2014",
    "manylinux_2_5",
    "manylinux1",
)
# The kind of an ELF segment that holds a loader's path.
INTERPRETER = 3
# What the bootstrap calls.
PROGRAMS = ("sh", "wget", "sed", "tr", "cat")


def with_awslambdaric(folder: Path) -> Archive:
    """An image as for AWS, built in an empty folder. Raises CannotRun, ClusterError."""
    base = images.base(BASE, packages=PACKAGES)
    stage_client(folder / "client", BASE_VERSION if base == BASE else SUBSTITUTE_VERSION)
    shutil.copy(HERE / "awslambdaric/app.py", folder)
    return _built(folder, "awslambdaric", base)


def with_a_shell_alone(folder: Path) -> Archive:
    """An image of one program, built in an empty folder. Raises CannotRun, ClusterError."""
    programs = folder / "root/bin"
    programs.mkdir(parents=True)
    shutil.copy(static_busybox(), programs / "busybox")
    for name in PROGRAMS:
        (programs / name).symlink_to("busybox")
    shutil.copy(HERE / "shell/bootstrap", folder / "root")
    return _built(folder, "shell")


def _built(context: Path, name: str, base: str = "") -> Archive:
    dockerfile = HERE / name / "Dockerfile"
    return images.build(context, f"localhost/funclet-e2e/{name}:1", base=base, dockerfile=dockerfile)


def stage_client(folder: Path, version: str) -> None:
    """Lay out AWS's client for Linux on this machine's processor and a version of Python. Raises ClusterError."""
    wanted = folder.with_suffix(".txt")
    wanted.write_text(locked(LOCKED.read_text("utf-8"), CLIENT), "utf-8")
    machine = platform.machine()
    platforms = [part for each in PLATFORMS for part in ("--platform", f"{each}_{machine}")]
    target = ["--only-binary", ":all:", "--python-version", version, "--implementation", "cp", *platforms]
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    checked = ["--no-deps", "--no-compile", "--require-hashes", "--requirement", str(wanted)]
    shell.run(*pip, "--target", folder, *target, *checked, timeout=300)


def locked(requirements: str, names: tuple[str, ...]) -> str:
    """The lines of these packages, hashes included, out of a locked file. Raises CannotRun where one is not in it."""
    found = []
    for name in names:
        entry = re.search(rf"^{re.escape(name)}==.*\\(?:\n +--hash=.*)+", requirements, re.MULTILINE)
        if entry is None:
            raise CannotRun(f"{name} is not in {LOCKED.name}: make lock")
        found.append(entry[0].removesuffix("\\").rstrip())
    return "\n".join(found) + "\n"


def static_busybox() -> Path:
    """A busybox that needs no library. Raises CannotRun."""
    shell.install({"busybox": "busybox-static"}, print)
    found = shell.which("busybox")
    if found is None or names_a_loader(Path(found).read_bytes()):
        raise CannotRun("the busybox of this machine is not static: apt-get install busybox-static")
    return Path(found)


def names_a_loader(program: bytes) -> bool:
    """Whether a 64-bit little-endian ELF program wants one, and so libraries."""
    [start], [size, count] = struct.unpack_from("<Q", program, 32), struct.unpack_from("<2H", program, 54)
    return any(
        struct.unpack_from("<I", program, at)[0] == INTERPRETER
        for at in range(start, start + size * count, size)
    )
