"""What the front end asks before a call begins."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from funclet.gateway.ports import Abandonable
from funclet.lambda_api.errors import AwsError


class Request(NamedTuple):
    """Who wants to call what, as the request's head says it."""

    #: 12 digits, where the caller named one
    account: str | None
    function: str
    #: gives the function's ARN in an account, for the words of a refusal
    arn: Callable[[str], str]
    #: of a bearer token, or a session token as AWS's SDKs send it
    token: str | None


#: told once: the namespace to look in, or the refusal
Decided = Callable[[str | AwsError], None]


class Access(Protocol):
    """Decides who may call."""

    def glance(self, token: str | None) -> AwsError | None:
        """Refuse at once who cannot be let in whatever the rest of the request is; None says nothing yet."""
        ...

    def decide(self, request: Request, decided: Decided) -> Abandonable | None:
        """Decide; `decided` is told once, at once where nothing is returned."""
        ...
