import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.cli import FUNCTION_ERROR, Command, LambdaStandIn, lambda_stand_in
from support.rest import until

pytestmark = pytest.mark.processes


@pytest.fixture
async def gateway() -> AsyncIterator[LambdaStandIn]:
    async with lambda_stand_in() as standing:
        yield standing


@pytest.fixture
def funclet(tmp_path: Path, gateway: LambdaStandIn) -> Command:
    return Command(tmp_path, {"FUNCLET_URL": gateway.url})


async def test_the_answer_is_on_standard_output_byte_for_byte(funclet: Command) -> None:
    ran = await funclet("invoke", "greet", "--payload", '{"name":  "Ada"}')
    assert (ran.code, ran.out, ran.err) == (0, '{"name":  "Ada"}', "")


async def test_an_error_begins_a_line_of_its_own_in_a_pipe_that_has_the_answer_too(
    funclet: Command,
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "funclet.cli",
        "invoke",
        "fails",
        cwd=funclet.folder,
        env=funclet.env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    answer, failure = out.splitlines()
    assert answer == FUNCTION_ERROR
    assert failure.startswith(b"The function failed (Unhandled): ")


async def test_a_manifest_that_local_mode_refuses_is_the_reason_for_a_missing_function(
    funclet: Command, gateway: LambdaStandIn
) -> None:
    state = funclet.folder / ".funclet"
    state.mkdir()
    (state / "endpoints").write_text(f"{gateway.url}\nhttp://127.0.0.1:1\n")
    told = [
        f"f.yaml:{number}: document 1: Function {name}: spec.x: no"
        for number, name in enumerate(("missing", "other"))
    ]
    (state / "problems").write_text("\n".join(told))
    ran = await Command(funclet.folder)("invoke", "missing:live")
    assert ran.code == 4
    assert ran.err.endswith(f"\nIts manifest is refused:\n{told[0]}\n")
    elsewhere = await funclet("invoke", "missing", "--url", gateway.url.replace("127.0.0.1", "localhost"))
    assert elsewhere.err.endswith("See what there is with `funclet get functions`.\n")


async def test_without_a_payload_the_body_is_empty(funclet: Command, gateway: LambdaStandIn) -> None:
    await funclet("invoke", "greet")
    assert gateway.bodies == [b""]


async def test_the_payload_can_be_a_file_or_standard_input(
    funclet: Command, gateway: LambdaStandIn, tmp_path: Path
) -> None:
    (tmp_path / "event.json").write_text("[1]")
    await funclet("invoke", "greet", "--payload-file", "event.json")
    await funclet("invoke", "greet", "--payload-file", "-", stdin="[2]")
    assert gateway.bodies == [b"[1]", b"[2]"]


@pytest.mark.parametrize(
    "name",
    [
        "greet:live",
        "greet:$LATEST",
        "arn:aws:lambda:us-east-1:123456789012:function:greet:3",
        "../../x",
        "a/b?c#d",
    ],
)
async def test_the_name_is_one_segment_of_the_path_whatever_is_in_it(
    funclet: Command, gateway: LambdaStandIn, name: str
) -> None:
    await funclet("invoke", name)
    (path,) = gateway.paths
    assert path.count("/") == 4
    assert (
        path.split("/")[3]
        .replace("%3A", ":")
        .replace("%24", "$")
        .replace("%2F", "/")
        .replace("%3F", "?")
        .replace("%23", "#")
        == name
    )


async def test_a_function_error_exits_1_with_its_payload_on_output_and_its_words_on_error(
    funclet: Command,
) -> None:
    ran = await funclet("invoke", "fails")
    assert (ran.code, ran.out) == (1, FUNCTION_ERROR.decode())
    assert (
        ran.err == "The function failed (Unhandled): ZeroDivisionError: division by zero  [request an-id]\n"
    )


async def test_the_tail_of_the_log_is_on_standard_error(funclet: Command) -> None:
    ran = await funclet("invoke", "greet", "--tail", "--payload", "1")
    assert (ran.out, ran.err) == ("1", "START\nhello from the log\nEND\n")


async def test_json_output_tells_all_of_it_in_one_object(funclet: Command) -> None:
    ran = await funclet("invoke", "fails", "--tail", "-o", "json")
    told = json.loads(ran.out)
    assert ran.code == 1
    assert told["payload"]["errorType"] == "ZeroDivisionError"
    assert {name: told[name] for name in ("functionError", "executedVersion", "requestId")} == {
        "functionError": "Unhandled",
        "executedVersion": "3",
        "requestId": "an-id",
    }
    assert "hello from the log" in told["logTail"]


async def test_yaml_output_tells_the_same(funclet: Command) -> None:
    ran = await funclet("invoke", "greet", "--payload", '{"name": "Ada"}', "-o", "yaml")
    assert ran.out == "payload:\n  name: Ada\nexecutedVersion: '3'\nrequestId: an-id\n"


async def test_an_answer_that_is_not_json_is_text_in_json_output(funclet: Command) -> None:
    ran = await funclet("invoke", "binary", "-o", "json")
    assert json.loads(ran.out)["payload"] == "\x00�"


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("missing", 4, "ResourceNotFoundException: Function not found"),
        ("missing", 4, "funclet get functions"),
        ("busy", 5, "TooManyRequestsException: Rate Exceeded."),
        ("busy", 5, "concurrency.reserved"),
        ("strange", 5, "not as a gateway does"),
        ("breaks", 3, "broke before the answer was whole"),
    ],
)
async def test_what_went_wrong_is_told_with_what_to_do_and_an_exit_code(
    funclet: Command, name: str, code: int, words: str
) -> None:
    ran = await funclet("invoke", name)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err


async def test_when_nothing_listens_it_says_how_to_start_a_gateway(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        ran = await Command(tmp_path)("invoke", "greet", "--url", url)
    assert ran.code == 3
    assert ran.err == (
        f"No gateway answers at {url}. Start one with `funclet local PATH`, or set FUNCLET_URL."
        " For a cluster give --context.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "requires an argument"),
        (("greet", "--payload", "{"), "not JSON"),
        (("greet", "--payload", "1", "--payload-file", "-"), "not both"),
        (("greet", "--payload-file", "missing.json"), "missing.json: No such file"),
        (("greet", "--payload-file", "."), "Is a directory"),
        (("greet", "--paylaod", "1"), "--paylaod"),
        (("greet", "-o", "xml"), "xml"),
        (("greet", "--url", "not-an-address"), "http://127.0.0.1:8700"),
        (("greet", "--url", "http://[::1"), "not an address"),
        (("greet", "--url", "http://x:99999999"), "not an address"),
    ],
)
async def test_a_wrong_command_line_exits_2_and_sends_nothing(
    funclet: Command, gateway: LambdaStandIn, arguments: tuple[str, ...], words: str
) -> None:
    ran = await funclet("invoke", *arguments)
    assert ran.code == 2
    assert words in ran.err
    assert gateway.paths == []


async def test_ctrl_c_exits_130_without_a_word(funclet: Command, gateway: LambdaStandIn) -> None:
    process = await funclet.start("invoke", "slow")
    await until(lambda: gateway.paths)
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(10):
        out, err = await process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"")


async def test_it_needs_none_of_the_large_libraries(funclet: Command) -> None:
    script = (
        "import sys; from funclet.cli.command import run; status = run(['invoke', 'greet']);"
        "print([name for name in ('aiohttp', 'asyncio', 'pydantic', 'rich', 'structlog', 'yaml') if name in sys.modules])"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, env=funclet.env, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert out == b"{}[]\n"
