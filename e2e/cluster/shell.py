"""Programs of this machine: finding them, installing what is missing, and running them to their end."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.errors import CannotRun, ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# A user's PATH often lacks the folders of root's programs.
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def which(program: str) -> str | None:
    """The path of a program by its name; None where it is not installed."""
    return shutil.which(program, path=PATH)


def run(
    *command: str | Path,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float = 120,
) -> str:
    """What the program printed. Raises ClusterError with the end of what it said where it fails or takes too long."""
    words = [str(part) for part in command]
    try:
        done = subprocess.run(
            words,
            env={**os.environ, "PATH": PATH, **(env or {})},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
    except FileNotFoundError as missing:
        raise CannotRun(f"{words[0]} is not installed") from missing
    except subprocess.TimeoutExpired as late:
        raise ClusterError(f"{' '.join(words)}: not done within {timeout:g} s") from late
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).splitlines()[-15:])
        raise ClusterError(f"{' '.join(words)} failed; it said:\n{said}")
    return done.stdout


def install(packages: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Install the Debian packages of the programs (or absolute paths of files) that are missing.

    Raises CannotRun where they cannot be installed from here.
    """
    missing = sorted({package for wanted, package in packages.items() if not _installed(wanted)})
    if not missing:
        return
    names = " ".join(missing)
    if which("apt-get") is None:
        raise CannotRun(f"these Debian packages, or what they contain, must be installed first: {names}")
    if os.geteuid() != 0:
        raise CannotRun(f"install these packages first: sudo apt-get install {names}")
    say(f"installing {names}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    patient = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300")
    run(*patient, "update", env=quiet, timeout=300)
    run(*patient, "install", "--no-install-recommends", "-y", *missing, env=quiet, timeout=900)


def succeeds(*command: str | Path, timeout: float = 10) -> bool:
    """Whether the program ends well."""
    try:
        run(*command, timeout=timeout)
    except ClusterError:
        return False
    return True


def _installed(wanted: str) -> bool:
    return Path(wanted).exists() if wanted.startswith("/") else which(wanted) is not None
