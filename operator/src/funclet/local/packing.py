"""Code that a manifest names by a path on this machine: packed, and named by its hash instead."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from funclet.local.archive import ArchiveError, read_code, sha256
from funclet.supervisor.unpack import UnpackError, check

#: the field that all problems here are about
FIELD = "spec.code.zip.path"


@dataclass(frozen=True, slots=True)
class Packed:
    """A manifest whose `zip` names a blob, and the blob's bytes."""

    body: dict[str, Any]
    archive: bytes
    sha256: str


def code_path(body: Mapping[str, Any], folder: Path) -> Path | None:
    """The archive or folder that a valid manifest's zip.path names, relative to `folder`; None without one."""
    path = _zip(body).get("path")
    return None if path is None else (folder / path).resolve()


def pack(body: Mapping[str, Any], path: Path) -> Packed:
    """Read the code at `path` and name it by its hash.

    Raises ArchiveError, also for what no instance would unpack, and where zip.sha256 says another hash.
    """
    archive = read_code(path)
    with tempfile.TemporaryFile() as file:
        file.write(archive)
        file.flush()
        try:
            check(file)
        except UnpackError as error:
            raise ArchiveError(f"{_zip(body)['path']}: {error}") from error
    digest = sha256(archive)
    wanted = _zip(body).get("sha256", digest)
    if wanted != digest:
        raise ArchiveError(f"{_zip(body)['path']} has SHA-256 {digest}, and the manifest says {wanted}")
    code = {**body["spec"]["code"], "zip": {"blob": digest, "sha256": digest}}
    return Packed({**body, "spec": {**body["spec"], "code": code}}, archive, digest)


def _zip(body: Mapping[str, Any]) -> Mapping[str, Any]:
    code: Mapping[str, Any] = body["spec"].get("code") or {}
    archive: Mapping[str, Any] = code.get("zip") or {}
    return archive
