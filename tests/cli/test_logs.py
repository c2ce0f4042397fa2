import asyncio
import signal
import sys
from typing import Any

import pytest

from support.cli import Command
from support.rest import Served, alias, function

pytestmark = pytest.mark.processes


def version(number: str) -> dict[str, Any]:
    spec = {"function": "greet", "version": number, "codeSha256": "0" * 64, "runtimeDigest": "local:any"}
    whole = {**function()["spec"], **spec}
    return {**function(f"greet-{number}"), "kind": "FunctionVersion", "spec": whole}


@pytest.fixture(autouse=True)
async def _lines(rest: Served) -> None:
    await rest.apply(function(functionName="Greet_Me"))
    await rest.apply(alias())
    weighted = {"additionalVersionWeights": {"2": 0.5}}
    await rest.apply(alias("of-another-name", name="canary", routingConfig=weighted))
    for number in ("1", "2"):
        await rest.apply(version(number))
    for version_, text in (("1", "old"), ("2", "odd"), ("$LATEST", "new ü"), ("$LATEST", "newer")):
        await rest.logs.write(version_, text)


@pytest.mark.parametrize(
    ("arguments", "out"),
    [
        (("greet",), "old\nodd\nnew ü\nnewer\n"),
        (("greet", "--tail", "1"), "newer\n"),
        (("greet:1",), "old\n"),
        (("greet:$LATEST",), "new ü\nnewer\n"),
        (("Greet_Me:1",), "old\n"),
        (("greet:live",), "old\n"),
        (("Greet_Me:canary",), "old\nodd\n"),
    ],
)
async def test_lines_of_a_function_of_one_version_or_of_an_aliass_versions(
    funclet: Command, arguments: tuple[str, ...], out: str
) -> None:
    ran = await funclet("logs", *arguments)
    assert (ran.code, ran.out, ran.err) == (0, out, "")


async def test_follow_goes_on_until_ctrl_c_which_exits_130(funclet: Command, rest: Served) -> None:
    process = await funclet.start("logs", "greet", "-f", "--tail", "1")
    assert process.stdout is not None
    async with asyncio.timeout(15):
        assert await process.stdout.readline() == b"newer\n"
        await rest.logs.write("2", "newest")
        assert await process.stdout.readline() == b"newest\n"
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"")


async def test_a_reader_that_has_seen_enough_ends_it_quietly(funclet: Command, rest: Served) -> None:
    for number in range(20_000):
        rest.logs.kept.append(("1", f"line {number}"))
    script = '"$0" -m funclet.cli logs greet; echo "exit $?" >&2'
    process = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        f"({script}) | head -1",
        sys.executable,
        cwd=funclet.folder,
        env=funclet.env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert (out, err) == (b"old\n", b"exit 0\n")


@pytest.mark.parametrize(
    ("name", "code"), [("missing", 4), ("../functions", 4), ("greet:nope", 4), ("greet:99", 4)]
)
async def test_a_function_that_is_not_there_exits_4(funclet: Command, name: str, code: int) -> None:
    assert (await funclet("logs", name)).code == code
