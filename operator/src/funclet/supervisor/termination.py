"""The last words of a container, which Kubernetes keeps in the pod's status."""

from __future__ import annotations

import os

PATH = "/dev/termination-log"
#: bytes; Kubernetes keeps 4096
_LIMIT = 2048


def tell(error: bytes, path: str = PATH) -> None:
    """Write Lambda's error payload as `errorType: errorMessage`, where somebody made a place for it."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.write(descriptor, _words(error)[:_LIMIT])
    except OSError:
        pass
    finally:
        os.close(descriptor)


def _words(error: bytes) -> bytes:
    import json  # noqa: PLC0415 - at the end time matters no more

    try:
        told = json.loads(error)
    except (ValueError, RecursionError):
        return error
    if not isinstance(told, dict):
        return error
    parts = [str(told[key]) for key in ("errorType", "errorMessage") if told.get(key)]
    # No half a character at the end, where the limit cuts.
    return ": ".join(parts).encode()[:_LIMIT].decode(errors="ignore").encode()
