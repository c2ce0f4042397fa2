"""Logs of pods, as a person reads them; the kubelet's own ways are tried in e2e/test_cli.py."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from support.api_server import kubeconfig_for
from support.cli import Command
from support.log_server import LogServer, log_server
from support.objects import version_manifest
from support.rest import alias

pytestmark = pytest.mark.processes

ONE, TWO, THREE, FOUR = (f"2026-01-01T00:00:0{second}.000000000Z" for second in range(1, 5))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[LogServer]:
    async with log_server(tmp_path) as (running, _):
        yield running


@pytest.fixture
def funclet(tmp_path: Path, server: LogServer) -> Command:
    assert server.pods == {}
    return Command(tmp_path, {"KUBECONFIG": str(tmp_path / "kubeconfig"), "FUNCLET_CONTEXT": "c"})


@asynccontextmanager
async def following(funclet: Command, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`funclet logs -f`, ended by Ctrl-C."""
    process = await funclet.start("logs", "greet", "-f", *arguments)
    async with asyncio.timeout(20):
        yield process
        process.send_signal(signal.SIGINT)
        await process.communicate()
    assert process.returncode == 130


async def out(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode()


async def err(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    return (await process.stderr.readline()).decode()


async def test_the_log_of_a_single_pod_is_shown_as_it_was_written(
    funclet: Command, server: LogServer
) -> None:
    await server.put("greet-1-x-aaaaa", lines=((ONE, "one"), (TWO, " two ü")))
    ran = await funclet("logs", "greet")
    assert (ran.code, ran.out, ran.err) == (0, "one\n two ü\n", "")


async def test_lines_of_several_pods_come_by_time_and_say_whose_they_are(
    funclet: Command, server: LogServer
) -> None:
    await server.put("greet-1-x-aaaaa", lines=((ONE, "one"), (THREE, "three")))
    elsewhere = "2026-01-01T02:00:04.000000000+02:00"
    await server.put("greet-2-x-bbbbb", version="2", lines=((TWO, "two"), (elsewhere, "four")))
    ran = await funclet("logs", "greet")
    assert ran.out == "1/aaaaa  one\n2/bbbbb  two\n1/aaaaa  three\n2/bbbbb  four\n"
    assert (await funclet("logs", "greet", "--tail", "2")).out == "1/aaaaa  three\n2/bbbbb  four\n"


async def test_a_qualifier_chooses_versions(funclet: Command, server: LogServer) -> None:
    await server.put("a", version="1", lines=((ONE, "old"),))
    await server.put("b", version="$LATEST", lines=((TWO, "new"),))
    server.aliases.append(alias())
    server.versions.append(version_manifest(1))
    assert (await funclet("logs", "greet:1")).out == "old\n"
    assert (await funclet("logs", "greet:$LATEST")).out == "new\n"
    assert (await funclet("logs", "greet:live")).out == "old\n"


async def test_where_nothing_runs_it_says_so_and_what_to_do(funclet: Command) -> None:
    ran = await funclet("logs", "greet")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == (
        "Nothing of greet runs, and logs go with their pods. `funclet invoke greet` makes something run;"
        " -f waits for it.\n"
    )


async def test_following_takes_up_pods_that_come_and_says_what_is_lost_when_they_go(
    funclet: Command, server: LogServer
) -> None:
    async with following(funclet) as process:
        assert "waiting" in await err(process)
        await server.put("greet-1-x-aaaaa", lines=((ONE, "one"),))
        assert await out(process) == "1/aaaaa  one\n"
        await server.put("greet-2-x-bbbbb", version="2", lines=((TWO, "two"),))
        assert await out(process) == "2/bbbbb  two\n"
        await server.write("greet-1-x-aaaaa", (THREE, "last words"))
        await server.end("greet-1-x-aaaaa")
        assert await out(process) == "1/aaaaa  last words\n"
        assert await err(process) == "Pod greet-1-x-aaaaa is gone, and its log with it.\n"
        await server.end("greet-2-x-bbbbb")
        gone = "Pod greet-2-x-bbbbb is gone, and its log with it; nothing runs until the next call.\n"
        assert await err(process) == gone


async def test_following_begins_with_the_tail_of_what_is_there_and_all_of_what_comes(
    funclet: Command, server: LogServer
) -> None:
    await server.put("a", lines=((ONE, "one"), (TWO, "two")))
    async with following(funclet, "--tail", "1") as process:
        assert await out(process) == "1/a  two\n"
        await server.put("b", lines=((THREE, "three"), (FOUR, "four")))
        assert [await out(process), await out(process)] == ["1/b  three\n", "1/b  four\n"]


async def test_a_stream_that_breaks_is_resumed_with_no_line_lost_or_told_twice(
    funclet: Command, server: LogServer
) -> None:
    log = await server.put("a", lines=((ONE, "one"), (TWO, "two"), (THREE, "three")))
    log.breaks_after = 2
    async with following(funclet) as process:
        await server.write("a", (FOUR, "four"))
        lines = [await out(process) for _ in range(4)]
    assert lines == [f"1/a  {text}\n" for text in ("one", "two", "three", "four")]


async def test_a_log_that_cannot_be_read_is_told_and_the_others_are_shown(
    funclet: Command, server: LogServer
) -> None:
    broken = await server.put("broken")
    broken.refusal = (500, "the node is away")
    await server.put("works", lines=((ONE, "one"),))
    ran = await funclet("logs", "greet")
    assert (ran.code, ran.out) == (0, "1/works  one\n")
    assert ran.err == "The log of pod broken cannot be read: the node is away\n"


@pytest.mark.parametrize("follow", [(), ("-f",)])
async def test_who_may_not_read_logs_is_told_what_to_ask_for(
    funclet: Command, server: LogServer, follow: tuple[str, ...]
) -> None:
    (await server.put("a")).refusal = (403, "pods/log is forbidden")
    ran = await funclet("logs", "greet", *follow)
    assert (ran.code, ran.out) == (5, "")
    assert "pods/log is forbidden" in ran.err
    assert "Ask for the role view" in ran.err


@pytest.mark.parametrize("name", ["missing", "greet:nope"])
async def test_a_function_or_alias_that_is_not_there_exits_4(funclet: Command, name: str) -> None:
    assert (await funclet("logs", name)).code == 4


@pytest.mark.parametrize(
    "arguments", [("get", "fn"), ("logs", "greet"), ("delete", "fn", "greet", "--ignore-not-found")]
)
async def test_a_cluster_without_funclet_says_so(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    async with TestServer(web.Application()) as bare:
        path = kubeconfig_for(str(bare.make_url("")).rstrip("/"), tmp_path / "config").path
        ran = await Command(tmp_path, {"KUBECONFIG": path, "FUNCLET_CONTEXT": "c"})(*arguments)
    assert (ran.code, ran.out) == (3, "")
    assert "Funclet is not installed there" in ran.err
