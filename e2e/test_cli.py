"""The command line on a cluster, as a person uses it: nothing but a kubeconfig, and no port opened for it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from faults.waiting import until

if TYPE_CHECKING:
    from asyncio import StreamReader
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

    from cluster.provider import Provider
    from release.release import Release

pytestmark = pytest.mark.timeout(240)
GREET = """\
apiVersion: funclet.dev/v1alpha1
kind: Function
metadata: {name: greet}
spec:
  runtime: python
  handler: app.handler
  scaling: {idle: 60s}
  code:
    inline:
      app.py: |
        def handler(event, context):
            print("greeting", event["name"])
            return "Hello, " + event["name"] + "!"
"""


@dataclass(frozen=True)
class Cli:
    """`funclet` in a folder of its own, with a kubeconfig whose context names a namespace."""

    folder: Path
    environment: dict[str, str]

    async def start(self, *arguments: str) -> Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "funclet.cli", *arguments),
            cwd=self.folder,
            env=self.environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def __call__(self, *arguments: str, stdin: str = "") -> str:
        """What it printed; it must succeed."""
        process = await self.start(*arguments)
        async with asyncio.timeout(60):
            out, err = await process.communicate(stdin.encode())
        assert process.returncode == 0, err.decode()
        return out.decode()


@pytest.fixture
async def cli(provider: Provider, namespace: str, tmp_path: Path) -> Cli:
    """The command, with a function `greet` that is ready."""
    document = json.loads(provider.kubectl("config", "view", "--raw", "--minify", "--output=json"))
    document["contexts"][0]["context"]["namespace"] = namespace
    path = tmp_path / "kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(document), "utf-8")
    told = {"FUNCLET_CONTEXT": document["current-context"], "KUBECONFIG": str(path)}
    made = Cli(tmp_path, {"PATH": os.environ["PATH"], **told})
    assert await made("apply", "-f", "-", stdin=GREET) == "function.funclet.dev/greet created\n"
    provider.kubectl(
        "wait", "fn/greet", "-n", namespace, "--for=condition=Ready", "--timeout=60s", timeout=70
    )
    return made


@asynccontextmanager
async def following(cli: Cli, *arguments: str) -> AsyncIterator[tuple[StreamReader, StreamReader]]:
    """Standard output and standard error of `funclet logs -f`."""
    process = await cli.start("logs", "-f", *arguments)
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(150):
        yield process.stdout, process.stderr
        process.send_signal(signal.SIGINT)
        await process.wait()
    assert process.returncode == 130


async def test_a_function_is_called_published_shown_and_deleted(cli: Cli, funclet: Release) -> None:
    called = await cli("invoke", "greet", "--payload", '{"name": "Ada"}', "-o", "json", "--tail")
    answer = json.loads(called)
    assert (answer["payload"], answer["executedVersion"]) == ("Hello, Ada!", "$LATEST")
    assert "greeting Ada" in answer["logTail"]
    # A kubelet hands out a line a moment after it was written.
    async with asyncio.timeout(30):
        while "REPORT" not in (log := await cli("logs", "greet", "--tail", "1000")):  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.2)
    assert log == await cli("logs", "greet:$LATEST")
    assert "greeting Ada\n" in await cli("logs", "greet")
    assert await cli("publish", "greet", "--alias", "live") == "1\n"
    assert json.loads(await cli("invoke", "greet:live", "--payload", '{"name": "Bob"}')) == "Hello, Bob!"
    direct = ("--url", funclet.url, "--token", funclet.token)
    assert (
        json.loads(await cli("invoke", "greet:1", "--payload", '{"name": "Eve"}', *direct)) == "Hello, Eve!"
    )
    of_live = await cli("logs", "greet:live")
    assert "greeting Eve" in of_live
    assert "greeting Ada" not in of_live
    assert (await cli("get", "fn")).splitlines()[1].split()[:4] == ["greet", "True", "python", "1"]
    described = await cli("describe", "greet")
    assert "Published" in described
    assert max(map(len, described.splitlines())) <= 80
    assert await cli("delete", "fn", "greet") == "function.funclet.dev/greet deleted\n"


async def test_following_a_log_goes_from_pod_to_pod_and_says_what_is_lost(
    cli: Cli, funclet: Release, namespace: str
) -> None:
    selected = ("-n", namespace, "-l", "funclet.dev/function=greet")
    async with following(cli, "greet") as (out, err):
        assert b"Nothing of greet runs; waiting." in await err.readline()
        await cli("invoke", "greet", "--payload", '{"name": "first"}')
        first = await line_with(out, "greeting first")
        (pod,) = funclet.kubectl("get", "pods", *selected, "-o", "name").split()
        name = pod.removeprefix("pod/")
        assert first.startswith(f"$LATEST/{name[-5:]}  ")
        funclet.kubectl("delete", "pod", name, "-n", namespace, "--wait=false")
        gone = (await err.readline()).decode()
        assert gone.startswith(f"Pod {name} is gone, and its log with it")
        await until(lambda: name not in funclet.kubectl("get", "pods", *selected), "the pod is gone")
        await cli("invoke", "greet", "--payload", '{"name": "second"}')
        second = await line_with(out, "greeting second")
        assert second.partition("  ")[0] != first.partition("  ")[0]


async def line_with(reader: StreamReader, words: str) -> str:
    """The first line that has these words."""
    while line := (await reader.readline()).decode():
        if words in line:
            return line
    raise AssertionError(f"the output ended without {words!r}")
