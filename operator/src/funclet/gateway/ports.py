"""What the gateway needs of whoever makes instances, and what passes through it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from funclet.lambda_api.errors import AwsError
from funclet.plan.revision import Revision
from funclet.plan.routes import Target


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A supervisor on this machine."""

    path: str


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A supervisor in a pod."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Instance:
    """One supervisor with its runtime process; it runs one revision for life.

    It may be dialled as soon as it is here, ready or not. `ended` is done when it is gone, its result a
    sentence that says how it ended.
    """

    id: str
    revision: Revision
    address: UnixAddress | TcpAddress
    ended: asyncio.Future[str] = field(compare=False)
    #: on a cluster: which pod it is, to be proved on each connection
    pod_uid: str | None = None
    #: whether its runtime had asked for its first event when it was met
    ready: bool = False


class Abandonable(Protocol):
    """Something under way that nobody may wait for any more."""

    def abandon(self) -> None:
        """Let go of it; nothing will be told."""
        ...


class StartError(Exception):
    """An instance could not be made; `reason` is a named constant such as CodeUnavailable."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Starter(Protocol):
    """Makes and ends instances: processes on a laptop, claims and Deployments on a cluster."""

    async def start(self, revision: Revision) -> Instance:
        """Make an instance. Raises StartError."""
        ...

    async def stop(self, instance: Instance) -> None:
        """End it by drain: what runs is finished; returns when it is gone. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class InvokeRequest:
    """One synchronous invocation, its target resolved; `body` is the event as it came."""

    target: Target
    request_id: str
    body: bytes
    content_type: str = "application/json"
    tail: bool = False
    client_context: str | None = None
    cognito_identity: str | None = None
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class InvokeResult:
    """What a function answered, or in what way it failed."""

    body: bytes
    #: None, or "Unhandled"
    function_error: str | None = None
    executed_version: str = "$LATEST"
    #: base64 of the last 4 KB of log, where asked for
    log_tail: str | None = None
    cold: bool = False
    #: milliseconds, whole, rounded up
    billed_ms: int = 0
    #: milliseconds
    duration_ms: float = 0.0
    init_ms: float | None = None
    max_memory_mb: int = 0
    content_type: str = "application/json"


class Relaying(Protocol):
    """The way to the other gateways."""

    def is_elsewhere(self, namespace: str, function: str) -> bool:
        """Whether another gateway is the home of a function, by its Lambda name."""
        ...

    def begin(
        self,
        request: InvokeRequest,
        done: Callable[[InvokeResult | AwsError], None],
        here: Callable[[], None],
    ) -> Abandonable:
        """Take a call to its home; one of `done` and `here` is called, once and later.

        `here` says that this gateway is the home by now, and that the call did not begin anywhere.
        """
        ...
