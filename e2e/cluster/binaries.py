"""Kubernetes, CoreDNS and Helm as programs: built once from Go modules, kept under the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.errors import CannotRun, ClusterError
from cluster.locks import locked

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCES = Path(__file__).parent / "kubernetes"
APPLETS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
)
STRIP = ("-s", "-w")
GO = "1.24"


@dataclass(frozen=True)
class Recipe:
    """How a program is built: from the module `package` (PATH@VERSION), or from `sources` where that is empty."""

    name: str
    version: str
    package: str = ""
    link: tuple[str, ...] = STRIP

    @property
    def key(self) -> str:
        """Changes with whatever changes the result, but not with the Go release that builds it."""
        digest = hashlib.sha256(repr((self, platform.machine(), platform.system())).encode())
        for path in () if self.package else sorted(SOURCES.rglob("*")):
            if path.is_file():
                digest.update(path.read_bytes())
        return f"{self.name}-{self.version}-{digest.hexdigest()[:12]}"

    @property
    def folder(self) -> Path:
        """Where the built programs are, if they are."""
        return cache_folder() / "kubernetes" / self.key


def _stamped(version: str) -> tuple[str, ...]:
    """Without these the kubelet calls itself v0.0.0 and the API server rejects it."""
    major, minor, _ = version.removeprefix("v").split(".")
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    modules = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return tuple(f"-X {module}.{name}={value}" for module in modules for name, value in values.items())


# 1.34 is the newest line whose kubelet runs on cgroup v1 without being asked to.
KUBERNETES = Recipe("kubernetes", "v1.34.4", link=STRIP + _stamped("v1.34.4"))
COREDNS = Recipe("coredns", "v1.12.3", "github.com/coredns/coredns")
HELM = Recipe("helm", "v3.19.0", "helm.sh/helm/v3/cmd/helm")
ALL = (KUBERNETES, COREDNS, HELM)


def cache_folder() -> Path:
    """Where this project keeps what is expensive to make."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "funclet"


def find(recipe: Recipe) -> Path:
    """The folder of the built programs. Raises CannotRun where they are not built."""
    if not recipe.folder.is_dir():
        how = "PYTHONPATH=e2e .venv/bin/python -m cluster build"
        raise CannotRun(f"{recipe.name} {recipe.version} is not built yet: {how} (needs Go {GO} or newer)")
    return recipe.folder


def build(recipe: Recipe, say: Callable[[str], None]) -> Path:
    """The folder of the programs, built first where need be. Raises CannotRun, ClusterError."""
    if recipe.folder.is_dir():
        return recipe.folder
    with locked(recipe.folder.parent / f".{recipe.key}.lock"):
        # Another builder may have been at it while this one waited.
        if not recipe.folder.is_dir():
            begun = time.monotonic()
            say(f"building {recipe.name} {recipe.version} from Go modules (once; minutes)")
            _build_into(recipe, recipe.folder)
            say(f"built {recipe.name} {recipe.version} in {time.monotonic() - begun:.0f} s")
    return recipe.folder


def _build_into(recipe: Recipe, folder: Path) -> None:
    """A half-built folder never has the final name."""
    draft = Path(tempfile.mkdtemp(prefix=f".{recipe.key}.", dir=folder.parent))
    try:
        _run_go(recipe, draft)
        if not recipe.package:
            for applet in APPLETS:
                (draft / applet).symlink_to("kubernetes")
        draft.chmod(0o755)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _run_go(recipe: Recipe, folder: Path) -> None:
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        raise CannotRun(f"Go {GO} or newer builds {recipe.name}, and is not installed: see https://go.dev/dl")
    _require_recent(go)
    flags = ["-trimpath", "-buildvcs=false", "-ldflags", " ".join(recipe.link)]
    if recipe.package:
        command = [go, "install", *flags, f"{recipe.package}@{recipe.version}"]
    else:
        command = [go, "build", *flags, "-o", f"{folder}/", "./..."]
    env = {**os.environ, "CGO_ENABLED": "0", "GOBIN": str(folder), "GOWORK": "off"}
    done = subprocess.run(command, cwd=SOURCES, env=env, check=False, capture_output=True, text=True)
    if done.returncode:
        said = "\n".join(done.stderr.splitlines()[-15:])
        raise ClusterError(f"go could not build {recipe.name} {recipe.version}; it said:\n{said}")


def _require_recent(go: str) -> None:
    """From 1.21 on, Go fetches the release that a module asks for; earlier ones do not understand the question."""
    said = subprocess.run(
        [go, "env", "GOVERSION"], check=False, capture_output=True, text=True
    ).stdout.strip()
    numbers = [int(part) for part in re.findall(r"\d+", said)[:2]]
    if numbers and numbers < [1, 21]:
        raise CannotRun(f"{go} is {said}; install Go {GO} or newer: see https://go.dev/dl")
