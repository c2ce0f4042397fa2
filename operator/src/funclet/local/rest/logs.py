"""What functions wrote, as a stream of text."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Protocol

from aiohttp import web

from funclet.kube.port import KubePort, NotFoundError
from funclet.local.rest.errors import told
from funclet.local.rest.kinds import API_VERSION
from funclet.local.rest.patch import is_name
from funclet.local.rest.status import BadRequestError
from funclet.local.rest.streams import stream
from funclet.plan.plan import Key

_PATH = f"/apis/{API_VERSION}/namespaces/{{namespace}}/functions/{{name}}/log"
_MAX_TAIL = 1_000_000


class LogSource(Protocol):
    """The log lines of functions, without line ends."""

    def lines(
        self, function: str, *, versions: frozenset[str], tail: int | None, follow: bool
    ) -> AsyncIterator[str]:
        """The newest `tail` lines of these versions (of all, if none is named), then, if asked, each new one without end."""
        ...


def log_routes(kube: KubePort, logs: LogSource) -> list[web.RouteDef]:
    """`…/functions/NAME/log?follow=&tail=&version=`; several versions with commas."""

    async def log(request: web.Request) -> web.StreamResponse:
        name, namespace = request.match_info["name"], request.match_info["namespace"]
        if not (is_name(name) and is_name(namespace)):
            raise NotFoundError(f'functions.funclet.dev "{name[:100]}" not found')
        await kube.get(Key("Function", namespace, name))
        lines = logs.lines(
            name,
            versions=frozenset(filter(None, request.query.get("version", "").split(","))),
            tail=_tail(request.query.get("tail")),
            follow=request.query.get("follow") in {"true", "1"},
        )
        return await stream(request, _ended(lines), content_type="text/plain; charset=utf-8")

    return [web.get(_PATH, told(log))]


async def _ended(lines: AsyncIterator[str]) -> AsyncGenerator[str]:
    try:
        async for line in lines:
            yield f"{line}\n"
    finally:
        if isinstance(lines, AsyncGenerator):
            await lines.aclose()


def _tail(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= _MAX_TAIL):  # noqa: PLR2004  # before int()
        raise BadRequestError(f"tail is not a number from 0 to {_MAX_TAIL}")
    return int(text)
