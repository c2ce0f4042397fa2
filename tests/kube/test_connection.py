"""What a real API server does too rarely to wait for: it is busy, falls silent, breaks off in mid-word."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from funclet.kube import watching
from funclet.kube.client import ClusterKube
from funclet.kube.cluster_port import UnreachableError
from funclet.kube.connection import open_connection
from funclet.kube.hearing import LONGEST, Hearing
from funclet.kube.port import Change, KubeError, Object
from funclet.plan.plan import Key
from support.api_server import kubeconfig_for
from support.clock import Clock
from support.kubes import until

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
POD = Key("Pod", "default", "p")


class Script:
    """A server that answers each request as the next step of a script says."""

    def __init__(self) -> None:
        self.steps: list[Answer | web.Response] = []
        self.requests: list[web.Request] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        step = self.steps.pop(0)
        return step if isinstance(step, web.Response) else await step(request)


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
async def kube(script: Script, tmp_path: Path) -> AsyncIterator[ClusterKube]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", script.answer)
    async with TestServer(app) as server:
        source = kubeconfig_for(str(server.make_url("")).rstrip("/"), tmp_path / "config")
        opened = ClusterKube(await open_connection(source), silence=0.2)
        yield opened
        await opened.close()


def pod(name: str, version: int) -> Object:
    return {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"u-{name}",
            "resourceVersion": str(version),
        }
    }


def listed(*pods: Object, version: int, more: str = "") -> web.Response:
    metadata = {"resourceVersion": str(version), "continue": more}
    return web.json_response({"kind": "PodList", "metadata": metadata, "items": list(pods)})


def refused(code: int, reason: str, **headers: str) -> web.Response:
    said = {"kind": "Status", "code": code, "reason": reason, "message": "said"}
    return web.json_response(said, status=code, headers=headers)


def busy(after: str) -> web.Response:
    return refused(429, "TooManyRequests", **({"Retry-After": after} if after else {}))


def told(*events: tuple[str, Object], then: bytes = b"", silent: bool = False) -> Answer:
    """A watch that tells these, and ends, or is heard of no more."""

    async def stream(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for type_, found in events:
            await answer.write(json.dumps({"type": type_, "object": found}).encode() + b"\n")
        await answer.write(then)
        if silent:
            await asyncio.Event().wait()
        return answer

    return stream


async def changes(kube: ClusterKube, count: int) -> list[tuple[str, str | None]]:
    """The first changes of a watch of pods."""
    seen: list[tuple[str, str | None]] = []
    async with aclosing(cast("AsyncGenerator[Change]", kube.watch("Pod"))) as watch, asyncio.timeout(10):
        async for change in watch:
            seen.append((change.type, change.key.name if change.key else None))
            if len(seen) == count:
                break
    return seen


async def test_a_busy_server_is_asked_once_more_when_it_says(kube: ClusterKube, script: Script) -> None:
    script.steps = [busy("0"), web.json_response(pod("p", 1))]
    assert (await kube.get(POD))["metadata"]["name"] == "p"
    script.steps = [busy("0"), busy("0")]
    with pytest.raises(UnreachableError):
        await kube.get(POD)


@pytest.mark.parametrize("after", ["", "3600", "-1", "Wed, 21 Oct 2026 07:28:00 GMT"])
async def test_a_busy_server_is_not_waited_for_without_end(
    kube: ClusterKube, script: Script, after: str
) -> None:
    script.steps = [busy(after)]
    with pytest.raises(UnreachableError):
        await kube.get(POD)


async def test_what_is_no_api_server_is_called_so(kube: ClusterKube, script: Script) -> None:
    script.steps = [web.Response(text="<html>welcome</html>")]
    with pytest.raises(UnreachableError, match="is it an API server"):
        await kube.get(POD)


async def test_an_answer_that_breaks_off_is_no_answer(kube: ClusterKube, script: Script) -> None:
    async def broken(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "100"})
        await answer.prepare(request)
        await answer.write(b'{"metadata')
        assert request.transport is not None
        request.transport.close()
        return answer

    script.steps = [broken]
    with pytest.raises(UnreachableError):
        await kube.get(POD)


async def test_an_answer_that_does_not_come_is_not_waited_for(kube: ClusterKube, script: Script) -> None:
    script.steps = [told(silent=True)]
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1.*: "):
        await kube._connection.call("GET", "/x", within=aiohttp.ClientTimeout(total=0.05))


async def test_a_watch_that_falls_silent_is_begun_again_from_where_it_was(
    kube: ClusterKube, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_PAUSE", 0.0)
    script.steps = [
        listed(pod("a", 3), version=5),
        told(("BOOKMARK", pod("", 9)), silent=True),
        told(("ADDED", pod("b", 10)), silent=True),
    ]
    assert await changes(kube, 3) == [("ADDED", "a"), ("SYNCED", None), ("ADDED", "b")]
    assert [each.query.get("resourceVersion") for each in script.requests] == [None, "5", "9"]
    assert script.requests[1].query["allowWatchBookmarks"] == "true"


async def test_a_bookmark_is_a_word_of_a_watch(kube: ClusterKube, script: Script) -> None:
    clock = Clock()
    kube.hearing = Hearing(clock)
    script.steps = [listed(version=5), told(("BOOKMARK", pod("", 9)), silent=True)]
    async with aclosing(cast("AsyncGenerator[Change]", kube.watch("Pod"))) as watch, asyncio.timeout(10):
        await anext(watch)
        clock.time += LONGEST
        assert kube.hearing.silent() == ["/api/v1/pods"]
        # The list was the last word; then the bookmark comes, of which whoever reads is not told.
        reading = asyncio.ensure_future(anext(watch))
        await until(lambda: kube.hearing.silent() == [])
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading


async def test_a_watch_that_breaks_off_in_mid_word_goes_on(kube: ClusterKube, script: Script) -> None:
    script.steps = [
        listed(version=5),
        told(("ADDED", pod("a", 6)), then=b'{"type": "MODI'),
        told(("MODIFIED", pod("a", 7)), silent=True),
    ]
    assert await changes(kube, 3) == [("SYNCED", None), ("ADDED", "a"), ("MODIFIED", "a")]
    assert script.requests[-1].query["resourceVersion"] == "6"


async def test_a_list_that_expires_on_the_way_is_read_in_one_piece(kube: ClusterKube, script: Script) -> None:
    whole = listed(pod("b", 2), pod("c", 3), version=9)
    script.steps = [listed(pod("a", 1), version=5, more="next"), refused(410, "Expired"), whole]
    assert [each["metadata"]["name"] for each in await kube.list("Pod")] == ["b", "c"]
    assert [each.query.get("limit") for each in script.requests] == ["500", "500", None]


async def test_what_was_told_of_a_list_that_expired_and_is_gone_is_taken_back(
    kube: ClusterKube, script: Script
) -> None:
    script.steps = [
        listed(pod("a", 1), version=5, more="next"),
        refused(410, "Expired"),
        listed(pod("b", 2), version=9),
        told(silent=True),
    ]
    assert await changes(kube, 4) == [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a"), ("SYNCED", None)]


async def test_a_watch_that_the_server_cannot_go_on_with_ends(kube: ClusterKube, script: Script) -> None:
    failure: dict[str, Any] = {"kind": "Status", "code": 500, "reason": "InternalError", "message": "said"}
    script.steps = [listed(version=5), told(("ERROR", failure))]
    with pytest.raises(KubeError, match="said"):
        await changes(kube, 2)


async def test_a_watch_that_is_not_allowed_ends(kube: ClusterKube, script: Script) -> None:
    script.steps = [refused(403, "Forbidden")]
    with pytest.raises(KubeError, match="said"):
        await changes(kube, 1)
