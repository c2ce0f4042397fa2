"""Pods that the API server refuses: a Deployment's ReplicaFailure, read for what a user can do about it."""

import re
from collections.abc import Mapping
from typing import Any

from funclet.plan import reasons
from funclet.plan.pods import condition_of
from funclet.plan.routes import Unavailable
from funclet.plan.shown import shown

_PREFIX = re.compile(r'^(?:pods "[^"]*" is forbidden|Pod "[^"]*" is invalid): ')
#: what the message holds, the reason, and what to do next
_KINDS = (
    (
        re.compile(r"must specify [\w.,-]*cpu"),
        reasons.QUOTA_EXCEEDED,
        "the quota wants a CPU limit: the platform's pods.cpuLimit sets one",
    ),
    (
        re.compile(r"exceeded quota|failed quota|insufficient quota"),
        reasons.QUOTA_EXCEEDED,
        "raise the ResourceQuota, or lower spec.memory or the number of instances",
    ),
    (
        re.compile(r"less than or equal to cpu limit"),
        reasons.QUOTA_EXCEEDED,
        "a LimitRange's default CPU limit is below the request: raise it, or let the platform's pods.cpuLimit set one",
    ),
    (
        re.compile(r"maximum cpu usage|cpu max limit to request ratio"),
        reasons.QUOTA_EXCEEDED,
        "change the LimitRange, or let the platform's pods.cpuLimit set a CPU limit",
    ),
    (
        re.compile(r"minimum cpu usage"),
        reasons.QUOTA_EXCEEDED,
        "change the LimitRange, or raise spec.memory, which CPU follows; a limit is set by the platform's pods.cpuLimit",
    ),
    (
        re.compile(r"less than or equal to [\w-]+ limit"),
        reasons.QUOTA_EXCEEDED,
        "a LimitRange's default limit is below the request: raise it",
    ),
    (
        re.compile(r"(?:maximum|minimum) .*(?:usage|limit)|limit to request ratio|LimitRange"),
        reasons.QUOTA_EXCEEDED,
        "change the LimitRange, or spec.memory and spec.ephemeralStorage",
    ),
    (
        re.compile(r"error looking up service account|serviceaccount \"[^\"]*\" not found"),
        reasons.ROLE_NOT_FOUND,
        "make the ServiceAccount that spec.role names, or correct the name",
    ),
    (
        re.compile(r"violates PodSecurity"),
        reasons.POD_REFUSED,
        "function pods are within `restricted`; compare the namespace's labels and the platform's pods settings",
    ),
)


def refused_pod(deployment: Mapping[str, Any] | None) -> Unavailable | None:
    """Tell why no pod of a Deployment can be made; None where that is not so."""
    failure = condition_of(deployment, "ReplicaFailure") if deployment is not None else None
    if failure is None or failure.get("status") != "True":
        return None
    told = str(failure.get("message") or failure.get("reason") or "no pod can be made")
    text = shown(_PREFIX.sub("", told))
    for pattern, reason, advice in _KINDS:
        if pattern.search(told):
            return Unavailable(reason, f"{text}; {advice}")
    return Unavailable(reasons.POD_REFUSED, f"the API server refuses the pod: {text}")
