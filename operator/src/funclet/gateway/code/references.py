"""What resources say of code: the files themselves, and where archives come from."""

from collections.abc import Mapping
from typing import Any

from funclet.kube.port import Object

#: the kinds of resources with code: as somebody wrote it, and as a revision of `$LATEST` had it that may serve still
WRITTEN = ("Function", "FunctionVersion")
RECORD = "ControllerRevision"
KINDS = (*WRITTEN, RECORD)


def inline_of(resource: Object | None) -> Mapping[str, str] | None:
    """Give the files that stand in a resource."""
    inline = _code(resource).get("inline")
    if not isinstance(inline, dict) or not all(isinstance(each, str) for each in inline.values()):
        return None
    return inline


def hashes(resource: Object) -> set[str]:
    """Give the SHA-256 of all code that a resource runs now, which may not be the code that stands in it."""
    parts = (resource.get(name) or {} for name in ("spec", "status", "data"))
    return {each for part in parts if isinstance(each := part.get("codeSha256"), str)}


def source_of(resource: Object, sha256: str) -> str | None:
    """Give where a resource says that this archive is."""
    archive = _code(resource).get("zip")
    if not isinstance(archive, dict) or archive.get("sha256") != sha256:
        return None
    found = archive.get("url") or archive.get("s3")
    return found if isinstance(found, str) else None


def _code(resource: Object | None) -> Mapping[str, Any]:
    resource = resource or {}
    code = (resource.get("data" if resource.get("kind") == RECORD else "spec") or {}).get("code")
    return code if isinstance(code, dict) else {}
