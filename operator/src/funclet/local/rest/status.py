"""Errors as Kubernetes tells them: metav1.Status."""

from typing import Any

from funclet.gateway.admin.status import failure
from funclet.kube.port import KubeError


class BadRequestError(KubeError):
    """The request cannot be understood; the message says what is wrong with it."""

    status, reason = 400, "BadRequest"


class UnsupportedMediaTypeError(KubeError):
    """The body is of a type that is not taken here."""

    status, reason = 415, "UnsupportedMediaType"


class TooLargeError(KubeError):
    """The body is larger than is taken here."""

    status, reason = 413, "RequestEntityTooLarge"


def success(kind: str, name: str, uid: str | None) -> dict[str, Any]:
    """What a DELETE answers."""
    details = {"group": "funclet.dev", "kind": kind, "name": name, **({"uid": uid} if uid else {})}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def of_error(error: KubeError) -> dict[str, Any]:
    """The Status of an error of the port."""
    return failure(error.status, str(error), reason=error.reason, causes=error.causes)
