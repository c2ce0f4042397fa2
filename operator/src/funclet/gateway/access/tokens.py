"""Who may call on a cluster: the bearer of the chart's token, and whom Kubernetes lets `invoke`."""

import asyncio
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

import structlog

from funclet.gateway.access.accounts import Accounts
from funclet.gateway.access.port import Decided, Request
from funclet.kube.cluster_port import Caller
from funclet.kube.port import KubeError
from funclet.lambda_api.errors import (
    AwsError,
    access_denied,
    invalid_token,
    missing_token,
    not_permitted,
    service_error,
    throttled,
    unavailable,
)

_log = structlog.get_logger(__name__)
#: seconds for which an answer of the API server is believed
YES, NO = 10.0, 5.0
#: seconds for which a token's bearer is believed to be who it was
WHO = 60.0
_REMEMBERED = 10_000
#: questions to the API server at once; more callers than that are told to come back
_QUESTIONS = 64
#: bytes of the longest token that is looked at
_LONGEST = 16_384

T = TypeVar("T")


class Reviews(Protocol):
    """What is asked of a ClusterPort."""

    async def review_token(self, token: str, audiences: tuple[str, ...]) -> Caller | None:
        """See ClusterPort."""
        ...

    async def may(self, caller: Caller, *, verb: str, resource: str, namespace: str, name: str) -> bool:
        """See ClusterPort."""
        ...


class TokenAccess:
    """Without `kube`, the chart's token alone opens."""

    def __init__(
        self,
        token: str,
        kube: Reviews | None,
        *,
        accounts: Accounts,
        audiences: tuple[str, ...] = (),
        clock: Callable[[], float],
    ) -> None:
        """Raises ValueError for an empty token: it would let everybody in."""
        if not token:
            raise ValueError("the gateway's own token must not be empty")
        self._token = token.encode()
        self._kube = kube
        self._accounts = accounts
        self._audiences = audiences
        self._clock = clock
        self._callers: _Remembered[str, Caller | None] = _Remembered(clock)
        self._verdicts: _Remembered[tuple[str, str, str], bool] = _Remembered(clock)
        #: by whom and what is asked about: the callers that wait for one answer
        self._questions: dict[tuple[str, str | None, str], _Question] = {}

    def glance(self, token: str | None) -> AwsError | None:
        """See Access."""
        if token is None:
            return missing_token()
        return invalid_token() if len(token) > _LONGEST else None

    def decide(self, request: Request, decided: Decided) -> "_Asking | None":
        """See Access."""
        token = request.token
        refusal = self.glance(token)
        if refusal is not None or token is None:
            decided(refusal or missing_token())
        elif hmac.compare_digest(token.encode("latin-1", "replace"), self._token):
            self._tell(request, self._accounts.namespace_of(request.account), decided)
        elif self._kube is None:
            decided(invalid_token())
        else:
            return self._decide_caller(request, token, decided)
        return None

    def _decide_caller(self, request: Request, token: str, decided: Decided) -> "_Asking | None":
        digest = hashlib.sha256(token.encode("latin-1", "replace")).hexdigest()
        known = self._callers.get(digest)
        if known is not None:
            outcome = self._known_outcome(request, digest, known.value)
            if outcome is not None:
                decided(outcome)
                return None
        return self._wait_for_answer(request, token, digest, decided)

    def _wait_for_answer(
        self, request: Request, token: str, digest: str, decided: Decided
    ) -> "_Asking | None":
        # The words of a refusal name the qualifier too.
        about = (digest, request.account, request.arn(""))
        question = self._questions.get(about)
        if question is None:
            if len(self._questions) >= _QUESTIONS:
                decided(throttled("ConcurrentInvocationLimitExceeded"))
                return None
            question = self._questions[about] = _Question(
                asyncio.get_running_loop().create_task(self._ask(request, token, digest))
            )
            question.task.add_done_callback(partial(self._answered, about))
        return _Asking(question, decided)

    def _answered(self, about: tuple[str, str | None, str], task: asyncio.Task[str | AwsError]) -> None:
        question = self._questions.pop(about)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            _log.error("a question about a caller failed", exc_info=error)
        verdict = task.result() if error is None else service_error("The gateway failed; see its log.")
        for asking in list(question.waiting):
            asking.decided(verdict)

    def _known_outcome(self, request: Request, digest: str, caller: Caller | None) -> str | AwsError | None:
        if caller is None:
            return invalid_token()
        namespace = self._namespace(request, caller)
        if namespace is None:
            return access_denied(request.arn(request.account or ""))
        verdict = self._verdicts.get((digest, namespace, request.function))
        if verdict is None:
            return None
        return (
            namespace
            if verdict.value
            else not_permitted(caller.name, request.arn(self._accounts.account_of(namespace)))
        )

    def _namespace(self, request: Request, caller: Caller) -> str | None:
        """The ARN's account decides, else the token's own namespace, else the default one."""
        if request.account is not None:
            return self._accounts.namespace_of(request.account)
        return caller.namespace or self._accounts.namespace_of(None)

    async def _ask(self, request: Request, token: str, digest: str) -> str | AwsError:
        try:
            return await self._answer(request, token, digest)
        except KubeError:
            return unavailable("The gateway cannot ask Kubernetes who you are; try again.")

    async def _answer(self, request: Request, token: str, digest: str) -> str | AwsError:
        kube = self._kube
        if kube is None:
            return invalid_token()
        known = self._callers.get(digest)
        caller = known.value if known is not None else await kube.review_token(token, self._audiences)
        if known is None:
            self._callers.put(digest, caller, WHO if caller is not None else NO)
        if caller is None:
            return invalid_token()
        namespace = self._namespace(request, caller)
        if namespace is None:
            return access_denied(request.arn(request.account or ""))
        allowed = await kube.may(
            caller, verb="invoke", resource="functions", namespace=namespace, name=request.function
        )
        self._verdicts.put((digest, namespace, request.function), allowed, YES if allowed else NO)
        return (
            namespace
            if allowed
            else not_permitted(caller.name, request.arn(self._accounts.account_of(namespace)))
        )

    @staticmethod
    def _tell(request: Request, namespace: str | None, decided: Decided) -> None:
        decided(access_denied(request.arn(request.account or "")) if namespace is None else namespace)


class _Question:
    """A question to the API server, and who waits for the answer."""

    __slots__ = ("task", "waiting")

    def __init__(self, task: asyncio.Task[str | AwsError]) -> None:
        self.task = task
        self.waiting: dict[_Asking, None] = {}


class _Asking:
    """One caller that waits for an answer."""

    __slots__ = ("_question", "decided")

    def __init__(self, question: _Question, decided: Decided) -> None:
        self._question = question
        self.decided = decided
        question.waiting[self] = None

    def abandon(self) -> None:
        self._question.waiting.pop(self, None)


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    value: T
    until: float


K = TypeVar("K")


class _Remembered(Generic[K, T]):
    """Answers, each for its time, the oldest forgotten when there are too many."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: OrderedDict[K, _Entry[T]] = OrderedDict()

    def get(self, key: K) -> _Entry[T] | None:
        entry = self._entries.get(key)
        return entry if entry is not None and self._clock() < entry.until else None

    def put(self, key: K, value: T, seconds: float) -> None:
        self._entries[key] = _Entry(value, self._clock() + seconds)
        self._entries.move_to_end(key)
        if len(self._entries) > _REMEMBERED:
            self._entries.popitem(last=False)
