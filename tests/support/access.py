"""The access of one gateway, with an API server that knows some tokens."""

import asyncio
from dataclasses import dataclass, field
from functools import partial

from funclet.gateway.access.accounts import Accounts
from funclet.gateway.access.port import Request
from funclet.gateway.access.tokens import TokenAccess
from funclet.gateway.ports import Abandonable
from funclet.kube.cluster_port import Caller
from funclet.kube.port import KubeError
from funclet.lambda_api.arn import function_arn
from funclet.lambda_api.errors import AwsError
from funclet.plan.accounts import derived_account
from funclet.plan.revision import Platform
from support.clock import Clock
from support.gateway import until

CHART = "the-token-of-the-chart"

ALICE = Caller("alice", "1", ("dev",))
BOT = Caller("system:serviceaccount:shop:bot", "2")
PLATFORM = Platform(None, "us-east-1", {})
DENIED = "AccessDeniedException"
UNKNOWN = "UnrecognizedClientException"


@dataclass
class Reviewer:
    """An API server that knows some tokens."""

    callers: dict[str, Caller] = field(default_factory=lambda: {"alice": ALICE, "bot": BOT})
    #: who may, and where, and what
    rights: set[tuple[str, str, str]] = field(
        default_factory=lambda: {("alice", "default", "hello"), (BOT.name, "shop", "pay")}
    )
    away: KubeError | None = None
    #: what befalls questions about rights alone
    mute: KubeError | None = None
    gate: asyncio.Event | None = None
    #: tokens for which the gate is shut; None: for all
    slow: set[str] | None = None
    reviews: int = 0
    questions: int = 0
    #: questions that it has at once, and had at most
    present: int = 0
    most: int = 0

    async def review_token(self, token: str, audiences: tuple[str, ...]) -> Caller | None:
        self.reviews += 1
        await self._wait(token)
        assert audiences == ("funclet",)
        return self.callers.get(token)

    async def may(self, caller: Caller, *, verb: str, resource: str, namespace: str, name: str) -> bool:
        self.questions += 1
        await self._wait(caller.name)
        if self.mute is not None:
            raise self.mute
        assert (verb, resource) == ("invoke", "functions")
        return (caller.name, namespace, name) in self.rights

    async def _wait(self, whose: str) -> None:
        self.present += 1
        self.most = max(self.most, self.present)
        if self.gate is not None and (self.slow is None or whose in self.slow):
            await self.gate.wait()
        await asyncio.sleep(0)
        self.present -= 1
        if self.away is not None:
            raise self.away


class Door:
    """The access of one gateway."""

    def __init__(self, *, reviewer: bool = True) -> None:
        self.clock = Clock()
        self.reviewer = Reviewer()
        self.accounts = Accounts(PLATFORM, "default")
        self.accounts.know(["default", "shop"])
        self.access = TokenAccess(
            CHART,
            self.reviewer if reviewer else None,
            accounts=self.accounts,
            audiences=("funclet",),
            clock=self.clock,
        )

    def begin(
        self, told: list[str | AwsError], token: str | None, function: str, namespace: str | None = None
    ) -> Abandonable | None:
        account = derived_account(namespace) if namespace is not None else None
        return self.access.decide(Request(account, function, partial(arn_of, function), token), told.append)

    async def ask(
        self, token: str | None, function: str = "hello", namespace: str | None = None
    ) -> str | AwsError:
        told: list[str | AwsError] = []
        self.begin(told, token, function, namespace)
        await until(lambda: told)
        assert len(told) == 1
        return told[0]

    async def told(self, token: str | None, function: str = "hello", namespace: str | None = None) -> str:
        """The namespace, or the refusal's code."""
        return code(await self.ask(token, function, namespace))


def arn_of(function: str, account: str) -> str:
    """As the Lambda API writes it."""
    return function_arn("us-east-1", account, function, None)


def code(told: str | AwsError) -> str:
    """The refusal's code, or the namespace."""
    return told.code if isinstance(told, AwsError) else told
