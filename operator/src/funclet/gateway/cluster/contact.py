"""Short questions to pods, each on a connection that was proved on both sides."""

from funclet.gateway.ask import AskError, ask
from funclet.gateway.deployments.ports import Reached
from funclet.gateway.ports import Instance, TcpAddress
from funclet.gateway.proof import Prover

_RETIRE = b"POST /retire HTTP/1.1\r\nhost: funclet\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_READY = b"GET /ready HTTP/1.1\r\nhost: funclet\r\nconnection: close\r\n\r\n"
_OK = 200
_NO_CONTENT = 204


class PodContact:
    """See deployments.ports.Contact."""

    def __init__(self, prover: Prover) -> None:
        self._prover = prover

    async def reach(self, address: TcpAddress, pod_uid: str, revision: str) -> Reached:
        """Whether this very pod answers there, and how far it is."""
        try:
            reply = await ask(address, _READY, (self._prover, pod_uid))
        except AskError:
            return Reached.NOT
        if reply.greeting.revision != revision:
            return Reached.NOT
        return Reached.READY if reply.status == _OK else Reached.IN_INIT

    async def retire(self, instance: Instance) -> bool:
        """Have it refuse new calls."""
        try:
            reply = await ask(instance.address, _RETIRE, (self._prover, instance.pod_uid or ""))
        except AskError:
            return False
        return reply.status == _NO_CONTENT
