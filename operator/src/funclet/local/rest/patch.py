"""What a request's object becomes: merge patches, and whether it is the one that the URL names. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from funclet.kube.port import ConflictError, InvalidError, Object
from funclet.local.rest.kinds import API_VERSION
from funclet.local.rest.status import BadRequestError

_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
#: what only the server writes; a manifest that was read and is sent back has them
_SERVER_FIELDS = frozenset(
    {"creationTimestamp", "deletionTimestamp", "generation", "managedFields", "resourceVersion", "selfLink"}
)


def is_name(text: str) -> bool:
    """Whether an object may have this name (an RFC 1123 subdomain)."""
    return len(text) <= 253 and _NAME.fullmatch(text) is not None  # noqa: PLR2004  # RFC 1123


def is_sha256(text: str) -> bool:
    """Whether the text is a SHA-256 in lower-case hex."""
    return _SHA256.fullmatch(text) is not None


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396: null removes, objects merge, everything else replaces; the arguments stay as they are."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def at_url(body: Any, kind: str, namespace: str, name: str | None) -> Object:
    """The body as the object that the URL names; what it leaves out is filled in.

    `name` is None where the body alone names the object. Raises BadRequestError, InvalidError.
    """
    if not isinstance(body, dict):
        raise BadRequestError("the body must be an object")
    metadata = body.get("metadata", {})
    if not isinstance(metadata, dict):
        raise BadRequestError("metadata must be an object")
    _same("apiVersion", body.get("apiVersion", API_VERSION), API_VERSION)
    _same("kind", body.get("kind", kind), kind)
    _same("metadata.namespace", metadata.get("namespace", namespace), namespace)
    told = metadata.get("name", name)
    if name is not None:
        _same("metadata.name", told, name)
    if not isinstance(told, str) or not is_name(told):
        message = "must be lower case letters, digits, '-' and '.', at most 253 of them"
        raise InvalidError(
            f"{kind} {told!r} is invalid: metadata.name: {message}", causes=(("metadata.name", message),)
        )
    return {
        **body,
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {**metadata, "name": told, "namespace": namespace},
    }


def _same(field: str, told: Any, wanted: str) -> None:
    if told != wanted:
        raise BadRequestError(f"{field} is {str(told)[:100]!r} and the URL says {wanted!r}")


def check_version(sent: Mapping[str, Any], current: Object) -> None:
    """Raises ConflictError where the sender names another state of the object than the current one."""
    for field in ("uid", "resourceVersion"):
        wanted = sent.get("metadata", {}).get(field)
        found = current["metadata"].get(field)
        if wanted and wanted != found:
            raise ConflictError(
                f"the object has been changed: {field} is {found} and not {wanted}; read it again and repeat the change"
            )


def without_server_fields(manifest: Object) -> Object:
    """The part of the manifest that is the sender's to say: no status, no bookkeeping."""
    metadata = {name: value for name, value in manifest["metadata"].items() if name not in _SERVER_FIELDS}
    return {**{name: value for name, value in manifest.items() if name != "status"}, "metadata": metadata}
