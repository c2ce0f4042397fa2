"""Asking the API server whom a token stands for, and what that caller may do: the questions and the answers."""

from collections.abc import Mapping
from typing import Any

from funclet.api.base import GROUP
from funclet.kube.cluster_port import Caller
from funclet.kube.port import Object

TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"  # noqa: S105 - a path
ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


def token_review(token: str, audiences: tuple[str, ...]) -> Object:
    """Ask whom a token stands for; it must be meant for one of the audiences, where there are any."""
    spec = {"token": token, **({"audiences": list(audiences)} if audiences else {})}
    return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}


def caller_of(answer: Mapping[str, Any], audiences: tuple[str, ...]) -> Caller | None:
    """Read the answer; None: nobody."""
    status = answer.get("status") or {}
    if not status.get("authenticated"):
        return None
    # A server that knows nothing of audiences names none, and has checked none.
    if audiences and not set(audiences) & set(status.get("audiences") or ()):
        return None
    user = status.get("user") or {}
    extra = {name: tuple(values) for name, values in (user.get("extra") or {}).items()}
    return Caller(
        user.get("username") or "", user.get("uid") or "", tuple(user.get("groups") or ()), extra or None
    )


def access_review(caller: Caller, *, verb: str, resource: str, namespace: str, name: str) -> Object:
    """Ask whether a caller may do this; `resource` may name a subresource, as `functions/invoke`."""
    plural, _, subresource = resource.partition("/")
    attributes = {
        "group": GROUP,
        "resource": plural,
        "subresource": subresource,
        "verb": verb,
        "namespace": namespace,
        "name": name,
    }
    spec = {
        "user": caller.name,
        "uid": caller.uid,
        "groups": list(caller.groups),
        "extra": {name: list(values) for name, values in (caller.extra or {}).items()},
        "resourceAttributes": {field: value for field, value in attributes.items() if value},
    }
    return {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}


def is_allowed(answer: Mapping[str, Any]) -> bool:
    """Read the answer."""
    status = answer.get("status") or {}
    return status.get("allowed") is True and status.get("denied") is not True
