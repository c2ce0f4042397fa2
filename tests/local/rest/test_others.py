import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from funclet.local.rest import blobs
from funclet.plan.plan import Event, Key
from support.rest import FUNCTIONS, Served, alias, function, served, until

LOG = f"{FUNCTIONS}/greet/log"
EVENTS = "/api/v1/namespaces/default/events"
ARCHIVE = b"PK an archive" * 1000
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        await running.apply(function())
        yield running


async def test_a_log_is_text_line_by_line(rest: Served) -> None:
    for number in range(3):
        await rest.logs.write("$LATEST", f"line {number} ü")
    assert await rest.ask("GET", LOG) == (200, "line 0 ü\nline 1 ü\nline 2 ü\n".encode())
    assert await rest.ask("GET", f"{LOG}?tail=1") == (200, "line 2 ü\n".encode())
    assert await rest.ask("GET", f"{LOG}?tail=0") == (200, b"")


async def test_a_log_can_be_that_of_one_version_or_of_several(rest: Served) -> None:
    await rest.logs.write("$LATEST", "new")
    await rest.logs.write("1", "old")
    assert await rest.ask("GET", f"{LOG}?version=1") == (200, b"old\n")
    assert await rest.ask("GET", f"{LOG}?version=%24LATEST") == (200, b"new\n")
    await rest.logs.write("2", "other")
    assert await rest.ask("GET", f"{LOG}?version=1,%24LATEST") == (200, b"new\nold\n")


async def test_a_followed_log_tells_new_lines_until_the_reader_goes(rest: Served) -> None:
    await rest.logs.write("1", "first")
    async with rest.client.get(f"{rest.url}{LOG}?follow=true") as answer, asyncio.timeout(10):
        assert await answer.content.readline() == b"first\n"
        await rest.logs.write("1", "second")
        assert await answer.content.readline() == b"second\n"
        assert rest.logs.followers == 1
    await until(lambda: not rest.logs.followers)


async def test_a_followed_log_does_not_hold_up_the_end_of_the_listener(rest: Served) -> None:
    await rest.logs.write("1", "first")
    async with rest.client.get(f"{rest.url}{LOG}?follow=true") as answer, asyncio.timeout(3):
        assert await answer.content.readline() == b"first\n"
        await rest.runner.cleanup()
        assert await answer.content.read() == b""


@pytest.mark.parametrize("tail", ["x", "-1", "1.5", "", "1000001", "9" * 5000])
async def test_a_tail_that_is_no_count_is_refused(rest: Served, tail: str) -> None:
    assert (await rest.ask("GET", f"{LOG}?tail={tail}"))[0] == 400


@pytest.mark.parametrize("name", ["missing", "..%2f..%2fetc%2fpasswd", "Greet"])
async def test_the_log_of_no_function_is_404(rest: Served, name: str) -> None:
    assert (await rest.ask("GET", f"{FUNCTIONS}/{name}/log"))[0] == 404


async def test_events_are_told_with_what_they_are_about(rest: Served) -> None:
    await rest.apply(alias("greet"))
    await rest.kube.record(Key("Function", "default", "greet"), Event("Normal", "Published", "version 1"))
    await rest.kube.record(Key("Alias", "default", "greet"), Event("Warning", "VersionNotFound", "no 1"))
    _, found = await rest.ask("GET", f"{EVENTS}?fieldSelector=involvedObject.name%3Dgreet")
    told = {(each["involvedObject"]["kind"], each["type"], each["reason"]) for each in found["items"]}
    assert told == {("Function", "Normal", "Published"), ("Alias", "Warning", "VersionNotFound")}
    one = f"{EVENTS}?fieldSelector=involvedObject.name%3Dgreet,involvedObject.kind%3DAlias"
    assert len((await rest.ask("GET", one))[1]["items"]) == 1
    assert (await rest.ask("GET", f"{EVENTS}?fieldSelector=involvedObject.name%3Dother"))[1]["items"] == []


async def test_an_archive_is_kept_under_its_hash_once(rest: Served) -> None:
    path = f"/blobs/{SHA256}"
    assert (await rest.ask("HEAD", path))[0] == 404
    assert await rest.ask("PUT", path, data=ARCHIVE) == (201, {"sha256": SHA256})
    assert await rest.ask("PUT", path, data=ARCHIVE) == (200, {"sha256": SHA256})
    assert (await rest.ask("HEAD", path))[0] == 200
    assert rest.blobs.path(SHA256).read_bytes() == ARCHIVE


async def test_bytes_of_another_hash_are_refused_and_not_kept(rest: Served) -> None:
    code, status = await rest.ask("PUT", f"/blobs/{SHA256}", data=ARCHIVE + b"x")
    assert (code, status["reason"]) == (400, "BadRequest")
    assert (await rest.ask("HEAD", f"/blobs/{SHA256}"))[0] == 404


@pytest.mark.parametrize("name", ["x", SHA256.upper(), SHA256 + "0", "..%2f" + SHA256, f"{SHA256[:-1]}%0A"])
async def test_a_blob_has_no_other_name_than_its_hash(rest: Served, name: str) -> None:
    assert (await rest.ask("PUT", f"/blobs/{name}", data=ARCHIVE))[0] == 400


async def test_an_archive_that_is_too_large_is_a_413_and_leaves_nothing(
    rest: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield ARCHIVE

    monkeypatch.setattr(blobs, "MAX_BLOB", 100)
    assert (await rest.ask("PUT", f"/blobs/{SHA256}", data=ARCHIVE))[0] == 413
    async with rest.client.put(f"{rest.url}/blobs/{SHA256}", data=chunks()) as answer:
        assert answer.status == 413
    assert not [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
