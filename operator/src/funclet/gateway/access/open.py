"""Everybody may call: on a laptop, and where the platform's owner says so."""

from funclet.gateway.access.accounts import Accounts
from funclet.gateway.access.port import Decided, Request
from funclet.lambda_api.errors import access_denied


class OpenAccess:
    """Looks only for the namespace."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def glance(self, token: str | None) -> None:
        """See Access: nobody is refused."""

    def decide(self, request: Request, decided: Decided) -> None:
        """See Access."""
        namespace = self._accounts.namespace_of(request.account)
        decided(access_denied(request.arn(request.account or "")) if namespace is None else namespace)
