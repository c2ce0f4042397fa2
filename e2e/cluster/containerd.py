"""Images into containerd, by its own client `ctr`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluster import archives, shell
from cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Loaded:
    """An image that the cluster's nodes have: NAME:TAG, and the digest (`sha256:…`) of its manifest there."""

    name: str
    digest: str

    @property
    def by_digest(self) -> str:
        """NAME@DIGEST; a pod may ask for it so, and finds it in its `imageID`."""
        return f"{repository(self.name)}@{self.digest}"


def repository(name: str) -> str:
    """NAME of NAME:TAG; a registry's port is no tag."""
    return re.sub(r":[^/:]+$", "", name)


def full_name(name: str) -> str:
    """As containerd and the kubelet know it: `base:1` is docker.io/library/base:1."""
    domain, slash, rest = name.partition("/")
    if not slash:
        return f"docker.io/library/{name}"
    is_domain = "." in domain or ":" in domain or domain == "localhost"
    return name if is_domain and rest else f"docker.io/{name}"


def load(ctr: Sequence[str], archive: Path, *, already_there: bool = False) -> list[Loaded]:
    """Import an archive and name its images by digest too: archives carry none, and pods may ask for it.

    `ctr` is the client's command line up to the namespace; `already_there`: something else imported it.
    Raises ClusterError, ValueError (no archive of images).
    """
    names = [full_name(name) for name in archives.names_in(archive)]
    if not already_there:
        shell.run(*ctr, "images", "import", archive, timeout=300)
    digests = listed(shell.run(*ctr, "images", "ls"))
    images = []
    for name in names:
        if name not in digests:
            raise ClusterError(f"{archive} was imported, but containerd does not list {name}")
        image = Loaded(name, digests[name])
        shell.run(*ctr, "images", "tag", "--force", image.name, image.by_digest)
        images.append(image)
    return images


def listed(table: str) -> dict[str, str]:
    """Names and digests out of what `ctr images ls` printed, rows of REF TYPE DIGEST and more."""
    rows = (line.split() for line in table.splitlines()[1:])
    return {row[0]: row[2] for row in rows if len(row) > 2}  # the columns wanted
