"""Images of a single program, written without any tool: an archive as `docker save` writes it."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def write_program_image(path: Path, *, name: str, program: Path, user: str = "65535:65535") -> Path:
    """An image that holds one static program and starts it; the same program gives the same bytes."""
    inside = f"/{program.name}"
    layer = _tar({inside.lstrip("/"): (program.read_bytes(), 0o755)})
    config = {
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {"Entrypoint": [inside], "User": user, "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    files = {
        "manifest.json": json.dumps(manifest).encode(),
        "config.json": json.dumps(config).encode(),
        "layer.tar": layer,
    }
    path.write_bytes(_tar({file: (content, 0o644) for file, content in files.items()}))
    return path


def names_in(archive: Path) -> list[str]:
    """The names (with tags) of the images in an archive. Raises ValueError where it is none."""
    try:
        with tarfile.open(archive) as tar:
            member = tar.extractfile("manifest.json")
            if member is None:
                raise ValueError(f"{archive}: manifest.json is no file")
            return [name for image in json.load(member) for name in image["RepoTags"] or ()]
    except (tarfile.TarError, KeyError, TypeError) as wrong:
        raise ValueError(
            f"{archive} is not an image archive as `docker save` and `buildah push NAME docker-archive:FILE` write it"
        ) from wrong


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    """Owned by root, from the beginning of time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, (content, mode) in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
