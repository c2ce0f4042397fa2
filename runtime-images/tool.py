"""What builds images on this machine: buildah, which needs no daemon, or docker."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

#: buildah asks neither for overlay mounts nor for namespaces: it also works inside containers
ENVIRONMENT = {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot", **os.environ}


class Tool:
    """One of the two; every method raises CalledProcessError."""

    def __init__(self, name: str) -> None:
        self.name = name

    def build(self, dockerfile: Path, context: Path, tag: str, arguments: Mapping[str, str]) -> None:
        """Build an image. The same input gives the same image where the tool can do so."""
        told = [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]
        own = ["bud", "--timestamp", "0", "--layers=false"] if self.name == "buildah" else ["build"]
        self._run(*own, "--quiet", *told, "--tag", tag, "--file", str(dockerfile), str(context))

    def save(self, tag: str, archive: Path) -> None:
        """Write the image to an archive that `docker load`, `ctr images import` and `kind load` read."""
        archive.unlink(missing_ok=True)
        if self.name == "buildah":
            self._run("push", "--quiet", tag, f"docker-archive:{archive}:{tag}")
        else:
            self._run("save", "--output", str(archive), tag)

    def push(self, tag: str, target: str) -> str:
        """Push the image to a registry as `target` (HOST/PATH/NAME:TAG); gives the digest of its manifest there.

        It is known only now: what is pushed is compressed anew.
        """
        if self.name == "buildah":
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "digest"
                self._run("push", "--quiet", "--digestfile", str(file), tag, f"docker://{target}")
                told = file.read_text()
        else:
            self._run("tag", tag, target)
            told = self._run("push", target)
        found = re.findall("sha256:[0-9a-f]{64}", told)
        if not found:
            raise SystemExit(f"{self.name} pushed {target} and named no digest: {told}")
        return str(found[-1])

    def identity(self, tag: str) -> str:
        """The digest of the image's configuration, which is the same in every store and archive."""
        if self.name == "buildah":
            told = json.loads(self._run("inspect", "--type", "image", tag))["FromImageID"]
            return f"sha256:{told.removeprefix('sha256:')}"
        return self._run("inspect", "--type", "image", "--format", "{{.Id}}", tag)

    def has(self, tag: str) -> bool:
        """Whether there is an image of this name here."""
        asked = subprocess.run(
            [self.name, "inspect", "--type", "image", tag], env=ENVIRONMENT, capture_output=True, check=False
        )
        return asked.returncode == 0

    def python_version(self, image: str) -> str:
        """The version of an image's python3, as `3.13`."""
        say = "import sys; print('%d.%d' % sys.version_info[:2])"
        if self.name == "docker":
            return self._run("run", "--rm", "--entrypoint", "python3", image, "-c", say)
        container = self._run("from", "--pull=missing" if "/" in image else "--pull=never", image)
        try:
            return self._run("run", container, "--", "python3", "-c", say)
        finally:
            self._run("rm", container)

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [self.name, *arguments], check=True, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
        )
        return done.stdout.strip()


def find(wanted: str | None = None) -> Tool:
    """Find the one that is wanted, or any."""
    for name in (wanted,) if wanted else ("buildah", "docker"):
        if shutil.which(name):
            return Tool(name)
    raise SystemExit(f"install {wanted or 'buildah or docker'} first")
