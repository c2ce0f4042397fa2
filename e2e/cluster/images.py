"""Images from Dockerfiles, by Docker where it answers, else by buildah; and a base for them where none can be pulled."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cluster import binaries, shell
from cluster.errors import CannotRun
from cluster.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SUITE = "bookworm"
# What an image never needs; licences stay.
LEAN = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
)
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
BUILD_SECONDS = 900.0


@dataclass(frozen=True)
class Archive:
    """An image NAME:TAG in a file as `docker save` writes it."""

    path: Path
    name: str


class Builder(Protocol):
    """A program that builds images and keeps them in a store of its own; each method raises ClusterError."""

    def can_have(self, image: str) -> bool:
        """Whether the store has the image, or can pull it."""
        ...

    def add(self, root_file_system: Path, image: str) -> None:
        """Make an image of one layer out of a tar file."""
        ...

    def build(self, context: Path, dockerfile: Path, image: str, arguments: Mapping[str, str]) -> None:
        """Build a Dockerfile; `arguments` are its ARGs."""
        ...

    def save(self, image: str, file: Path) -> None:
        """Write the image to a file that is not there yet."""
        ...


def build(
    context: Path,
    name: str,
    *,
    base: str = "",
    dockerfile: Path | None = None,
    arguments: Mapping[str, str] | None = None,
    folder: Path | None = None,
    builder: Builder | None = None,
) -> Archive:
    """Build `dockerfile` (CONTEXT/Dockerfile) into an image NAME:TAG, saved as a file in `folder` (a cache folder).

    `base`, as base() gives it, is its ARG BASE; without it the Dockerfile's own holds.
    Raises CannotRun where nothing builds images here, ClusterError with what the builder said.
    """
    builder = builder or choose_builder()
    folder = folder or _folder()
    folder.mkdir(parents=True, exist_ok=True)
    given = {**({"BASE": base} if base else {}), **(arguments or {})}
    builder.build(context, dockerfile or context / "Dockerfile", name, given)
    path = folder / (re.sub(r"[^a-z0-9.]+", "-", name) + ".tar")
    with tempfile.TemporaryDirectory(dir=folder) as draft:
        builder.save(name, Path(draft) / path.name)
        (Path(draft) / path.name).rename(path)
    return Archive(path, name)


def base(
    image: str,
    *,
    packages: Sequence[str] = ("python3",),
    say: Callable[[str], None] | None = None,
    builder: Builder | None = None,
) -> str:
    """`image` where it can be pulled, else the name of a Debian with these packages, made once and kept.

    The substitute's programs are Debian's: /usr/bin/python3, not /usr/local/bin/python3.
    Raises CannotRun where mmdebstrap is missing and cannot be installed, ClusterError where it fails.
    """
    builder = builder or choose_builder()
    if builder.can_have(image):
        return image
    recipe = repr((SUITE, sorted(packages), LEAN))
    substitute = f"localhost/funclet-base:{SUITE}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    if not builder.can_have(substitute):
        say = say or Progress()
        say(f"{image} cannot be pulled: making a base of Debian {SUITE} with {', '.join(packages)}")
        _make_base(substitute, packages, builder, say)
    return substitute


def choose_builder(say: Callable[[str], None] | None = None) -> Builder:
    """Docker where it answers, else buildah, installed first where need be. Raises CannotRun."""
    if shell.which("docker") and shell.succeeds("docker", "info"):
        return Docker()
    if os.geteuid() != 0:
        raise CannotRun("images are built by Docker, which does not answer here, or by buildah as root")
    shell.install({"buildah": "buildah"}, say or Progress())
    return Buildah(_folder())


@dataclass(frozen=True)
class Docker:
    """The Docker that runs on this machine, with its own store."""

    def can_have(self, image: str) -> bool:
        return shell.succeeds("docker", "image", "inspect", image) or (
            not image.startswith("localhost/") and shell.succeeds("docker", "pull", image, timeout=300)
        )

    def add(self, root_file_system: Path, image: str) -> None:
        shell.run("docker", "import", root_file_system, image, timeout=BUILD_SECONDS)

    def build(self, context: Path, dockerfile: Path, image: str, arguments: Mapping[str, str]) -> None:
        given = _build_arguments(arguments)
        shell.run("docker", "build", "-f", dockerfile, "-t", image, *given, context, timeout=BUILD_SECONDS)

    def save(self, image: str, file: Path) -> None:
        shell.run("docker", "save", "-o", file, image, timeout=BUILD_SECONDS)


@dataclass(frozen=True)
class Buildah:
    """buildah with a store of its own in `folder`: needs neither a daemon nor namespaces of its own."""

    folder: Path

    def can_have(self, image: str) -> bool:
        return shell.succeeds(*self._command("inspect"), "--type", "image", image) or (
            not image.startswith("localhost/") and shell.succeeds(*self._command("pull"), image, timeout=300)
        )

    def add(self, root_file_system: Path, image: str) -> None:
        container = shell.run(*self._command("from"), "scratch").strip()
        try:
            shell.run(*self._command("add"), container, root_file_system, "/", timeout=BUILD_SECONDS)
            shell.run(*self._command("commit"), container, image, timeout=BUILD_SECONDS)
        finally:
            shell.run(*self._command("rm"), container)

    def build(self, context: Path, dockerfile: Path, image: str, arguments: Mapping[str, str]) -> None:
        command = (*self._command("build"), "--isolation", "chroot", "--file", dockerfile, "--tag", image)
        shell.run(*command, *_build_arguments(arguments), context, timeout=BUILD_SECONDS)

    def save(self, image: str, file: Path) -> None:
        shell.run(*self._command("push"), image, f"docker-archive:{file}:{image}", timeout=BUILD_SECONDS)

    def _command(self, verb: str) -> tuple[str | Path, ...]:
        store = ("--root", self.folder / "storage", "--runroot", self.folder / "run")
        return ("buildah", *store, "--storage-driver", "vfs", verb)


def _build_arguments(arguments: Mapping[str, str]) -> list[str]:
    return [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]


def _make_base(name: str, packages: Sequence[str], builder: Builder, say: Callable[[str], None]) -> None:
    if os.geteuid() != 0:
        raise CannotRun("a base image is made of Debian packages by root only: pull one, or run this by sudo")
    shell.install({"mmdebstrap": "mmdebstrap", KEYS: "debian-archive-keyring"}, say)
    with tempfile.TemporaryDirectory(prefix="funclet-base-") as folder:
        file = Path(folder) / "root.tar"
        options = [f"--dpkgopt={option}" for option in LEAN]
        command = ("mmdebstrap", "--variant=essential", f"--include={','.join(packages)}", *options)
        shell.run(*command, SUITE, file, timeout=BUILD_SECONDS)
        builder.add(file, name)
    say(f"made {name}")


def _folder() -> Path:
    return binaries.cache_folder() / "images"
