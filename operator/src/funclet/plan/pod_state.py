"""The state of a revision on a cluster, from its pods and its Deployment."""

from collections.abc import Iterable, Mapping
from typing import Any

from funclet.plan.observed import RevisionState
from funclet.plan.pod_failure import GRACE, pod_failure
from funclet.plan.pods import counts, is_ready


def revision_state(
    pods: Iterable[Mapping[str, Any]],
    deployment: Mapping[str, Any] | None,
    now: str,
    *,
    before: RevisionState | None = None,
    grace: float = GRACE,
) -> RevisionState:
    """Tell how a revision fares.

    A failure outlives the pod that showed it, which is soon deleted: with `before`, the state that was told
    last, it stays until an instance is ready.
    """
    every = list(pods)
    here = [pod for pod in every if counts(pod)]
    ready = sum(is_ready(pod) for pod in here)
    failure = None
    if not ready:
        failure = pod_failure(every, deployment, now, grace) or (before.failure if before else None)
    return RevisionState(instances=len(here), ready=ready, failure=failure)
