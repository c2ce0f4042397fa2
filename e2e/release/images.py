"""The images: built by their own Dockerfiles, loaded into the cluster, told to the chart by their digests."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.containerd import repository
from cluster.errors import CannotRun

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluster.containerd import Loaded
    from cluster.provider import Provider

ROOT = Path(__file__).parents[2]
# What `make images` leaves: NAME.tar of each.
BUILT = Path(os.environ.get("FUNCLET_IMAGES") or ROOT / "build" / "images" / "archives")
VALUES = BUILT.parent / "values.json"
# Where the chart wants each, as a path into its values.
PLACES: Mapping[str, tuple[str, ...]] = {
    "funclet": ("image",),
    "funclet-supervisor": ("supervisorImage",),
    "funclet-python": ("runtimes", "python", "image"),
    "funclet-node": ("runtimes", "nodejs", "image"),
    "funclet-provided": ("runtimes", "provided", "image"),
}


def archives(built: Path = BUILT) -> dict[str, Path]:
    """The archive of each image. Raises CannotRun where one is missing."""
    found = {name: built / f"{name}.tar" for name in PLACES}
    if missing := [name for name, path in found.items() if not path.exists()]:
        raise CannotRun(f"these images are not built yet: {', '.join(missing)}; make images")
    return found


def load(provider: Provider) -> dict[str, Any]:
    """Load all images; gives the chart's values that name them, and keeps them in VALUES.

    Raises CannotRun, ClusterError.
    """
    return write_values({name: provider.load(archive)[0] for name, archive in archives().items()})


def write_values(images: Mapping[str, Loaded]) -> dict[str, Any]:
    """Keep the chart's values that name these images in VALUES; gives them."""
    found = values(images)
    built = BUILT / "images.json"
    told = json.loads(built.read_text("utf-8")) if built.exists() else {}
    if runtime := told.get("funclet-python", {}).get("runtime"):
        # The image's own Python, which is the base's, and not what the chart's images have.
        found["runtimes"]["python"]["names"] = [runtime, "python"]
    VALUES.parent.mkdir(parents=True, exist_ok=True)
    VALUES.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    return found


def values(images: Mapping[str, Loaded]) -> dict[str, Any]:
    """The chart's values that name these images; those of PLACES, each by the digest of its manifest."""
    found: dict[str, Any] = {}
    for name, place in PLACES.items():
        image = images[name]
        registry, _, path = repository(image.name).partition("/")
        tag = image.name.removeprefix(repository(image.name)).lstrip(":")
        inner = found
        for key in place[:-1]:
            inner = inner.setdefault(key, {})
        inner[place[-1]] = {"registry": registry, "repository": path, "tag": tag, "digest": image.digest}
    return found
