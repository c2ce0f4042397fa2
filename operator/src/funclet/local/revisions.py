"""How the gateway's revisions fare, in the planners' words."""

from collections.abc import Mapping

from funclet.gateway.gateway import Gateway
from funclet.plan.observed import RevisionState
from funclet.plan.routes import Unavailable


class GatewayRevisions:
    """RevisionStates over the gateway of this process."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def revisions(self, namespace: str, function: str) -> Mapping[str, RevisionState]:
        """See RevisionStates."""
        return {
            key: RevisionState(
                instances=state.live + state.starting,
                ready=state.ready,
                failure=Unavailable(state.failure.reason, state.failure.message) if state.failure else None,
            )
            for key, state in self._gateway.function_states(namespace, function).items()
        }
