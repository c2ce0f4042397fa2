import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import StreamReader

from support.rest import FUNCTIONS, Served, alias, function, served, until


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        yield running


@asynccontextmanager
async def watch(rest: Served, query: str = "") -> AsyncIterator[StreamReader]:
    async with rest.client.get(f"{rest.url}{FUNCTIONS}?watch=true{query}") as answer:
        assert answer.status == 200
        yield answer.content


async def event(stream: StreamReader) -> tuple[str, Any]:
    async with asyncio.timeout(10):
        line = await stream.readline()
    told = json.loads(line)
    return told["type"], told["object"]


async def names(stream: StreamReader, count: int) -> list[tuple[str, str]]:
    return [
        (type_, found["metadata"]["name"]) for type_, found in [await event(stream) for _ in range(count)]
    ]


async def test_a_watch_begins_with_what_exists_and_goes_on_with_each_change(rest: Served) -> None:
    await rest.apply(function("a"))
    async with watch(rest) as stream:
        assert await names(stream, 1) == [("ADDED", "a")]
        await rest.apply(function("b"))
        await rest.apply(function("a", memory="256Mi"))
        await rest.ask("DELETE", f"{FUNCTIONS}/b")
        assert await names(stream, 3) == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]


async def test_other_kinds_and_namespaces_are_not_told(rest: Served) -> None:
    async with watch(rest) as stream:
        await rest.apply(alias())
        elsewhere = FUNCTIONS.replace("default", "other")
        assert (await rest.ask("POST", elsewhere, body=function("far")))[0] == 201
        await rest.apply(function("near"))
        assert await names(stream, 1) == [("ADDED", "near")]


async def test_a_watch_from_a_list_tells_only_what_came_after(rest: Served) -> None:
    await rest.apply(function("a"))
    _, found = await rest.ask("GET", FUNCTIONS)
    async with watch(rest, f"&resourceVersion={found['metadata']['resourceVersion']}") as stream:
        await rest.apply(function("b"))
        assert await names(stream, 1) == [("ADDED", "b")]


async def test_a_change_to_what_was_listed_is_modified_and_not_added(rest: Served) -> None:
    await rest.apply(function("a"))
    _, found = await rest.ask("GET", FUNCTIONS)
    async with watch(rest, f"&resourceVersion={found['metadata']['resourceVersion']}") as stream:
        await rest.apply(function("a", memory="256Mi"))
        assert await names(stream, 1) == [("MODIFIED", "a")]


@pytest.mark.parametrize("removed", [True, False])
async def test_a_watch_from_a_list_that_is_out_of_date_expires(rest: Served, *, removed: bool) -> None:
    await rest.apply(function("a"))
    await rest.apply(function("b"))
    _, found = await rest.ask("GET", FUNCTIONS)
    await (rest.ask("DELETE", f"{FUNCTIONS}/a") if removed else rest.apply(function("b", memory="256Mi")))
    async with watch(rest, f"&resourceVersion={found['metadata']['resourceVersion']}") as stream:
        type_, status = await event(stream)
        assert (type_, status["code"], status["reason"]) == ("ERROR", 410, "Expired")
        assert await stream.read() == b""


async def test_a_bookmark_marks_the_end_of_what_exists(rest: Served) -> None:
    await rest.apply(function("a"))
    _, listed = await rest.ask("GET", FUNCTIONS)
    async with watch(rest, "&allowWatchBookmarks=true") as stream:
        await event(stream)
        type_, bookmark = await event(stream)
    assert type_ == "BOOKMARK"
    assert bookmark["metadata"]["resourceVersion"] == listed["metadata"]["resourceVersion"]
    assert bookmark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_an_object_that_stops_to_fit_the_selector_is_deleted_for_the_watcher(rest: Served) -> None:
    red, blue = function("a"), function("a")
    red["metadata"]["labels"] = {"team": "red"}
    blue["metadata"]["labels"] = {"team": "blue"}
    async with watch(rest, "&labelSelector=team%3Dred") as stream:
        await rest.apply(function("other"))
        for manifest in (red, blue, red):
            await rest.apply(manifest)
        assert await names(stream, 3) == [("ADDED", "a"), ("DELETED", "a"), ("ADDED", "a")]


async def test_a_watch_ends_after_the_seconds_that_were_asked_for(rest: Served) -> None:
    async with watch(rest, "&timeoutSeconds=1") as stream, asyncio.timeout(10):
        assert await stream.read() == b""


@pytest.mark.parametrize("seconds", ["x", "-1", "1e3", "9" * 30])
async def test_seconds_that_are_no_number_are_refused(rest: Served, seconds: str) -> None:
    code, _ = await rest.ask("GET", f"{FUNCTIONS}?watch=true&timeoutSeconds={seconds}")
    assert code == 400


async def test_a_watcher_that_goes_away_is_forgotten(rest: Served) -> None:
    queues = rest.kube._watchers._queues
    async with watch(rest, "&allowWatchBookmarks=true") as stream:
        await event(stream)
        assert len(queues) == 1
    await until(lambda: not queues)


async def test_watchers_do_not_hold_up_the_end_of_the_listener(rest: Served) -> None:
    async with watch(rest, "&allowWatchBookmarks=true") as stream:
        await event(stream)
        async with asyncio.timeout(3):
            await rest.runner.cleanup()
        assert await stream.read() == b""


async def test_fifty_watchers_see_the_same_changes_in_the_same_order(rest: Served) -> None:
    async def watched() -> list[tuple[str, str]]:
        async with watch(rest, "&allowWatchBookmarks=true") as stream:
            await event(stream)
            ready.release()
            return await names(stream, 20)

    ready = asyncio.Semaphore(0)
    watchers = [asyncio.create_task(watched()) for _ in range(50)]
    for _ in watchers:
        await ready.acquire()
    for number in range(20):
        await rest.apply(function(f"f-{number}"))
    seen = await asyncio.gather(*watchers)
    assert all(each == [("ADDED", f"f-{number}") for number in range(20)] for each in seen)
