"""The state of a revision on a cluster, from its pods and its Deployment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from funclet.plan import reasons
from funclet.plan.observed import RevisionState
from funclet.plan.pod_failure import GRACE, pod_failure
from funclet.plan.pods import counts, is_ready, seconds_since
from funclet.plan.routes import Unavailable

#: what a pod failed for that the next one fails for too, as long as the revision is the same
_LASTING: Final = frozenset(
    {
        reasons.INIT_FAILED,
        reasons.OUT_OF_MEMORY,
        reasons.CRASH_LOOP,
        reasons.IMAGE_UNAVAILABLE,
        reasons.CONTAINER_NOT_CREATED,
    }
)
#: what may have been mended without anything that is watched having changed
_PASSING: Final = frozenset({reasons.NO_NODE, reasons.CONFIGURATION_MISSING})
#: seconds for which such a failure is believed when no pod shows it any more
_BELIEVED: Final = 300.0


@dataclass(frozen=True, slots=True)
class Told:
    """A failed start, and when it was last to be seen (RFC 3339)."""

    why: Unavailable
    at: str


def revision_state(
    pods: Iterable[Mapping[str, Any]],
    deployment: Mapping[str, Any] | None,
    now: str,
    *,
    told: Unavailable | None = None,
    grace: float = GRACE,
) -> RevisionState:
    """Tell how a revision fares; `told` is a failure that is still believed though it may show no more."""
    every = list(pods)
    here = [pod for pod in every if counts(pod)]
    ready = sum(is_ready(pod) for pod in here)
    failure = None if ready else pod_failure(every, deployment, now, grace) or told
    return RevisionState(instances=len(here), ready=ready, failure=failure)


def believed(told: Told | None, now: str) -> float | None:
    """Say for how many seconds a failure that was told still counts; 0: not any more, None: until a pod is ready.

    It outlives the pod that showed it, which is soon deleted. What the API server says of a Deployment, such as
    a quota, stands there for as long as it is so, and is not remembered.
    """
    if told is None:
        return 0.0
    if told.why.reason in _PASSING:
        return max(0.0, _BELIEVED - seconds_since(told.at, now))
    return None if told.why.reason in _LASTING else 0.0
