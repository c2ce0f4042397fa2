"""Who may call on a cluster: the bearer of the chart's token, and whom Kubernetes lets `invoke`."""

import hashlib
import hmac
from collections.abc import Callable
from functools import partial
from typing import Protocol

from funclet.gateway.access.accounts import Accounts
from funclet.gateway.access.answers import Answers
from funclet.gateway.access.outage import Outage
from funclet.gateway.access.port import Decided, Request
from funclet.gateway.access.questions import Question, Questions, Verdict
from funclet.kube.cluster_port import Caller
from funclet.kube.port import KubeError
from funclet.lambda_api.errors import (
    AwsError,
    access_denied,
    invalid_token,
    missing_token,
    not_permitted,
    throttled,
    unavailable,
)

#: bytes of the longest token that is looked at
_LONGEST = 16_384


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
        self._answers = Answers(clock)
        self._questions = Questions()
        self._outage = Outage(self._questions.fall_back)

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
        believed = self._believed(request, digest)
        if believed is not None:
            decided(believed)
            return None
        namespace = self._last_yes(request, digest) if self._outage.present else None
        if namespace is not None:
            if not self._answers.missed((digest, namespace, request.function)):
                # Nobody waits for the answer, and it counts all the same.
                self._question(request, token, digest)
            decided(namespace)
            return None
        question = self._question(request, token, digest)
        if question is None:
            decided(throttled("ConcurrentInvocationLimitExceeded"))
            return None
        return _Asking(question, decided)

    def _question(self, request: Request, token: str, digest: str) -> Question | None:
        """Join or open the question; None where there are too many."""
        # The words of a refusal name the qualifier too.
        about = (digest, request.account, request.arn(""))
        question = self._questions.get(about)
        if question is not None:
            return question
        question = Question(
            about,
            known=self._answers.last_caller(digest) is not None,
            ask=partial(self._ask, request, token, digest),
            fallback=partial(self._last_yes, request, digest),
        )
        return question if self._questions.put(question) else None

    def _believed(self, request: Request, digest: str) -> Verdict | None:
        """What the API server answered lately; None: it is to be asked."""
        if self._answers.is_stranger(digest):
            return invalid_token()
        caller = self._answers.caller(digest)
        if caller is None:
            return None
        namespace = self._namespace(request, caller)
        if namespace is None:
            return access_denied(request.arn(request.account or ""))
        allowed = self._answers.allowed((digest, namespace, request.function))
        return None if allowed is None else self._verdict(request, caller, namespace, allowed=allowed)

    def _last_yes(self, request: Request, digest: str) -> str | None:
        """Where this token was let in to this function, unless it was refused since or that is long ago."""
        caller = self._answers.last_caller(digest)
        namespace = self._namespace(request, caller) if caller is not None else None
        if namespace is None or not self._answers.was_allowed((digest, namespace, request.function)):
            return None
        return namespace

    def _namespace(self, request: Request, caller: Caller) -> str | None:
        """The ARN's account decides, else the token's own namespace, else the default one."""
        if request.account is not None:
            return self._accounts.namespace_of(request.account)
        return caller.namespace or self._accounts.namespace_of(None)

    def _verdict(self, request: Request, caller: Caller, namespace: str, *, allowed: bool) -> Verdict:
        return (
            namespace
            if allowed
            else not_permitted(caller.name, request.arn(self._accounts.account_of(namespace)))
        )

    async def _ask(self, request: Request, token: str, digest: str) -> Verdict:
        try:
            async with self._outage.asking():
                return await self._answer(request, token, digest)
        except (KubeError, TimeoutError) as error:
            namespace = self._last_yes(request, digest) if self._outage.is_sign(error) else None
            if namespace is None:
                return unavailable("The gateway cannot ask Kubernetes who you are; try again.")
            self._answers.miss((digest, namespace, request.function))
            return namespace

    async def _answer(self, request: Request, token: str, digest: str) -> Verdict:
        # Another question may have been answered while this one stood in line.
        believed = self._believed(request, digest)
        if believed is not None:
            return believed
        kube = self._kube
        if kube is None:
            return invalid_token()
        caller = self._answers.caller(digest)
        if caller is None:
            caller = await kube.review_token(token, self._audiences)
            self._outage.answered()
            self._answers.identify(digest, caller)
        if caller is None:
            return invalid_token()
        namespace = self._namespace(request, caller)
        if namespace is None:
            return access_denied(request.arn(request.account or ""))
        allowed = await kube.may(
            caller, verb="invoke", resource="functions", namespace=namespace, name=request.function
        )
        self._outage.answered()
        self._answers.judge((digest, namespace, request.function), allowed=allowed)
        return self._verdict(request, caller, namespace, allowed=allowed)

    @staticmethod
    def _tell(request: Request, namespace: str | None, decided: Decided) -> None:
        decided(access_denied(request.arn(request.account or "")) if namespace is None else namespace)


class _Asking:
    """One caller that waits for an answer."""

    __slots__ = ("_question", "decided")

    def __init__(self, question: Question, decided: Decided) -> None:
        self._question = question
        self.decided = decided
        question.waiting[self] = None

    def abandon(self) -> None:
        self._question.waiting.pop(self, None)
