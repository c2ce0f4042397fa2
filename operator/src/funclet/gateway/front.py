"""Invoke as the Lambda API words it, for both ends of the listener: parse, resolve, begin, answer."""

import asyncio
import contextlib
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import structlog

from funclet.gateway.access.accounts import Accounts
from funclet.gateway.access.port import Access, Request
from funclet.gateway.checks import Checks
from funclet.gateway.guard import Guard
from funclet.gateway.http_front import Answer, Begin, Respond
from funclet.gateway.invoke import Invoker
from funclet.gateway.ports import Abandonable, InvokeRequest, InvokeResult
from funclet.gateway.router import Router
from funclet.gateway.settings import GatewaySettings
from funclet.lambda_api.arn import function_arn
from funclet.lambda_api.errors import (
    AwsError,
    function_not_found,
    not_runnable,
    service_error,
    unavailable,
)
from funclet.lambda_api.invoke import PREFIX, InvokeHead, checking, parse_head, result_headers
from funclet.plan.routes import Target, UnavailableError, UnknownQualifierError, resolve

_log = structlog.get_logger(__name__)


class LambdaFront:
    """The Invoke operation; `draw` gives uniform numbers in [0, 1), `wall` the seconds since the epoch."""

    beginning = b"POST " + PREFIX

    def __init__(
        self,
        settings: GatewaySettings,
        router: Router,
        invoker: Invoker,
        *,
        accounts: Accounts,
        access: Access,
        draw: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._region = settings.region
        self._accounts = accounts
        self._access = access
        self._router = router
        self._invoker = invoker
        self._draw = draw
        self._wall = wall
        self._checks = Checks()
        #: requests whose caller is being asked about
        self._asking: set[_Steps] = set()
        self._none_asking = asyncio.Event()
        self._none_asking.set()
        self.guard = Guard(settings.allowed_hosts)

    def head(self, target: bytes, headers: Mapping[bytes, bytes]) -> Begin | Answer | None:
        """See Front."""
        head = self.guard.refusal(headers) or parse_head(target, headers, self._region)
        if isinstance(head, InvokeHead):
            refused = self._access.glance(head.token)
            return partial(self._begin, head) if refused is None else error_answer(refused)
        return None if head is None else error_answer(head)

    def refusal(self, error: AwsError) -> Answer:
        """See Front."""
        return error_answer(error)

    def closing(self) -> Answer:
        """See Front."""
        return error_answer(unavailable("This gateway is going down."))

    def _begin(self, head: InvokeHead, body: bytes, respond: Respond) -> Abandonable | None:
        steps = _Steps(self._asked)

        def decided(verdict: str | AwsError) -> None:
            self._asked(steps)
            if isinstance(verdict, AwsError):
                respond(error_answer(verdict))
                return

            def then(event: bytes | AwsError) -> Abandonable | None:
                try:
                    return self._call(head, verdict, event, respond)
                except Exception:  # noqa: BLE001 - the loop would only log it, and the caller wait for ever
                    _log.exception("a call could not be begun")
                    respond(error_answer(service_error("The gateway failed; see its log.")))
                    return None

            steps.present = self._checks.begin(checking(body), then)

        wanted = Request(head.account, head.name, partial(_arn, head), head.token)
        asking = self._access.decide(wanted, decided)
        if asking is None:
            return steps.present
        steps.present = asking
        self._asking.add(steps)
        self._none_asking.clear()
        return steps

    async def settle(self, grace: float) -> None:
        """Wait until it is decided what becomes of all requests that came, at most `grace` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._none_asking.wait()
                await self._checks.settle()

    def _asked(self, steps: "_Steps") -> None:
        self._asking.discard(steps)
        if not self._asking:
            self._none_asking.set()

    def _call(
        self, head: InvokeHead, namespace: str, event: bytes | AwsError, respond: Respond
    ) -> Abandonable | None:
        request_id = str(uuid.uuid4())
        found = event if isinstance(event, AwsError) else self._target(head, namespace)
        if isinstance(found, AwsError):
            respond(error_answer(found, request_id))
            return None
        if head.dry_run:
            respond(Answer(204, [("x-amzn-RequestId", request_id)], b""))
            return None
        trace_id = head.trace_id or f"Root=1-{int(self._wall()):08x}-{secrets.token_hex(12)};Sampled=0"
        request = InvokeRequest(
            target=found,
            request_id=request_id,
            body=event if isinstance(event, bytes) else b"",
            tail=head.tail,
            client_context=head.client_context,
            trace_id=trace_id,
        )

        def done(outcome: InvokeResult | AwsError) -> None:
            if isinstance(outcome, AwsError):
                respond(error_answer(outcome, request_id))
            else:
                respond(_result_answer(outcome, request_id, trace_id))

        return self._invoker.begin(request, done)

    def _target(self, head: InvokeHead, namespace: str) -> Target | AwsError:
        function = self._router.find(namespace, head.name)
        if function is None:
            return function_not_found(_arn(head, self._accounts.account_of(namespace)))
        try:
            target = resolve(function.route, head.qualifier, self._draw())
        except UnknownQualifierError as error:
            return function_not_found(self._in_region(error.arn, head.region))
        except UnavailableError as error:
            return not_runnable(error.unavailable.reason, error.unavailable.message)
        if head.region == self._region:
            return target
        return replace(target, invoked_arn=self._in_region(target.invoked_arn, head.region))

    @staticmethod
    def _in_region(arn: str, region: str) -> str:
        parts = arn.split(":", 4)
        return ":".join([*parts[:3], region, parts[4]])


class _Steps:
    """A request on its way: whatever of it can be given up at present."""

    __slots__ = ("_on_abandon", "present")

    def __init__(self, on_abandon: Callable[["_Steps"], None]) -> None:
        self.present: Abandonable | None = None
        self._on_abandon = on_abandon

    def abandon(self) -> None:
        self._on_abandon(self)
        if self.present is not None:
            self.present.abandon()


def _arn(head: InvokeHead, account: str) -> str:
    return function_arn(head.region, account, head.name, head.qualifier)


def error_answer(error: AwsError, request_id: str | None = None) -> Answer:
    """Return an error as an answer; like every answer it carries a request id."""
    headers = error.headers()
    headers.append(("x-amzn-RequestId", request_id or str(uuid.uuid4())))
    return Answer(error.status, headers, error.body())


def _result_answer(result: InvokeResult, request_id: str, trace_id: str) -> Answer:
    headers = result_headers(
        executed_version=result.executed_version,
        function_error=result.function_error,
        log_tail=result.log_tail,
        content_type=result.content_type,
    )
    headers.append(("x-amzn-RequestId", request_id))
    headers.append(("X-Amzn-Trace-Id", trace_id))
    return Answer(200, headers, result.body)
