from pathlib import Path
from typing import Any

import pytest

from funclet.api import base
from funclet.api.schema import MODELS
from funclet.cli import publishing
from funclet.cli.columns import COLUMNS
from funclet.cli.connection import Connection
from funclet.local.rest import kinds
from funclet.plan.publish import PUBLISH_DESCRIPTION, PUBLISH_REQUEST
from support.cli import Command, lambda_stand_in
from support.rest import TOKEN, Served, function

pytestmark = pytest.mark.processes

VERBS = ("local", "invoke", "apply", "get", "describe", "delete", "publish", "logs", "version")


@pytest.fixture
def state(funclet: Command, rest: Served) -> Path:
    """A state folder as `funclet local` leaves it, and a command that knows nothing else."""
    folder = funclet.folder / ".funclet"
    folder.mkdir()
    (folder / "endpoints").write_text(f"http://127.0.0.1:1\n{rest.url}\n")
    (folder / "admin.token").write_text(f"{TOKEN}\n")
    (folder / "admin.token").chmod(0o600)
    funclet.env.clear()
    return folder


async def test_help_lists_every_verb_and_every_exit_code(funclet: Command) -> None:
    ran = await funclet("--help")
    assert ran.code == 0
    assert all(f"  {verb}: " in ran.out for verb in VERBS)
    assert all(f"\n{code} " in ran.out for code in (0, 1, 2, 3, 4, 5, 70, 130))


@pytest.mark.parametrize("verb", VERBS)
async def test_every_verb_has_a_help_of_its_own(funclet: Command, verb: str) -> None:
    ran = await funclet(verb, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert f"Usage: funclet {verb}" in ran.out


@pytest.mark.parametrize(
    "arguments",
    [("frobnicate",), ("get",), ("get", "fn", "--frob"), ("local",), ("logs", "x", "--tail", "y")],
)
async def test_a_wrong_command_line_exits_2_and_points_to_help(
    funclet: Command, arguments: tuple[str, ...]
) -> None:
    ran = await funclet(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "funclet" in ran.err


async def test_version_tells_both_versions(funclet: Command) -> None:
    assert (await funclet("version")).out.startswith("funclet 0.")


async def test_in_the_folder_where_local_mode_runs_nothing_needs_to_be_said(
    funclet: Command, rest: Served, state: Path
) -> None:
    await rest.apply(function())
    assert state.name == ".funclet"
    ran = await funclet("get", "fn", "greet")
    assert (ran.code, ran.err) == (0, "")


async def test_another_state_folder_can_be_named(funclet: Command, rest: Served, state: Path) -> None:
    await rest.apply(function())
    elsewhere = Command(funclet.folder.parent)
    assert (await elsewhere("get", "fn", "greet")).code == 3
    assert (await elsewhere("get", "fn", "greet", "--state", str(state))).code == 0
    assert (await Command(elsewhere.folder, {"FUNCLET_STATE": str(state)})("get", "fn", "greet")).code == 0


async def test_a_token_that_others_can_read_is_warned_about(funclet: Command, state: Path) -> None:
    (state / "admin.token").chmod(0o644)
    ran = await funclet("get", "fn", "-o", "json")
    assert ran.code == 0
    assert ran.err == "warning: others can read .funclet/admin.token; run `chmod 600 .funclet/admin.token`\n"


@pytest.mark.parametrize(("token", "words"), [("", "wants a token"), ("wrong", "does not take this token")])
async def test_without_the_right_token_it_says_where_to_get_it(
    funclet: Command, token: str, words: str
) -> None:
    ran = await Command(funclet.folder, {**funclet.env, "FUNCLET_TOKEN": token})("get", "fn")
    assert ran.code == 5
    assert words in ran.err
    assert "FUNCLET_TOKEN" in ran.err


async def test_when_nothing_listens_it_says_how_to_start(funclet: Command) -> None:
    ran = await funclet("get", "fn", "--admin-url", "http://127.0.0.1:1")
    assert ran.code == 3
    assert "Start one with `funclet local PATH`, or set FUNCLET_URL." in ran.err


async def test_an_administration_that_is_elsewhere_is_asked_for(funclet: Command) -> None:
    del funclet.env["FUNCLET_ADMIN_URL"]
    ran = await funclet("get", "fn", "--url", "http://127.0.0.2:18700")
    assert ran.code == 3
    assert ran.err.startswith(
        "No administration answers at http://127.0.0.2:8701, where that of http://127.0.0.2:18700 would be."
    )
    assert "--admin-url or FUNCLET_ADMIN_URL" in ran.err


async def test_an_address_that_is_no_gateway_is_told_from_one(funclet: Command) -> None:
    async with lambda_stand_in() as standing:
        ran = await funclet("get", "fn", "--admin-url", standing.url)
    assert ran.code == 5
    assert "Is FUNCLET_ADMIN_URL right?" in ran.err


async def test_a_defect_is_one_line_with_a_hint_and_a_trace_only_on_demand(funclet: Command) -> None:
    (funclet.folder / "structlog.py").write_text("")
    (funclet.folder / "yaml.py").write_text("raise RuntimeError('broken')")
    arguments = ("apply", "-f", "x")
    ran = await Command(funclet.folder, {**funclet.env, "PYTHONPATH": str(funclet.folder)})(*arguments)
    assert ran.code == 70
    assert (
        ran.err
        == "RuntimeError: broken. This is a defect in funclet; `funclet --debug apply …` shows where.\n"
    )
    process = await Command(funclet.folder, {**funclet.env, "PYTHONPATH": str(funclet.folder)}).start(
        "--debug", *arguments
    )
    _, err = await process.communicate()
    assert b"Traceback" in err


@pytest.mark.parametrize(
    ("flags", "gateway", "admin"),
    [
        ({}, "http://127.0.0.1:8700", "http://127.0.0.1:8701"),
        ({"url": "http://box:9000"}, "http://box:9000", "http://box:8701"),
        ({"url": "https://[::1]:9000"}, "https://[::1]:9000", "https://[::1]:8701"),
        ({"url": "http://box:9000", "admin_url": "http://box:1"}, "http://box:9000", "http://box:1"),
    ],
)
def test_the_administration_is_at_port_8701_of_the_gateways_host(
    tmp_path: Path, flags: dict[str, Any], gateway: str, admin: str
) -> None:
    connection = Connection(state=tmp_path, **flags)
    assert (connection.gateway_url(), connection.administration_url()) == (gateway, admin)


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:5"])
def test_a_running_local_mode_says_where_it_is(tmp_path: Path, url: str | None) -> None:
    (tmp_path / "endpoints").write_text("http://127.0.0.1:5\nhttp://127.0.0.1:6\n")
    connection = Connection(state=tmp_path, url=url)
    assert (connection.gateway_url(), connection.administration_url()) == (
        "http://127.0.0.1:5",
        "http://127.0.0.1:6",
    )


def test_the_command_and_the_planners_name_the_same_things() -> None:
    assert kinds.API_VERSION == base.API_VERSION
    assert set(kinds.BY_KIND) == set(MODELS) == set(COLUMNS)
    assert (publishing.REQUEST, publishing.DESCRIPTION) == (PUBLISH_REQUEST, PUBLISH_DESCRIPTION)


def test_the_token_of_this_machine_goes_to_no_other(tmp_path: Path) -> None:
    (tmp_path / "admin.token").write_text("secret")
    (tmp_path / "admin.token").chmod(0o600)
    assert Connection(state=tmp_path).bearer() == "secret"
    assert Connection(state=tmp_path, url="http://elsewhere:8700").bearer() is None
    assert Connection(state=tmp_path, admin_url="http://127.0.0.1.example.org").bearer() is None
    assert Connection(state=tmp_path, url="http://elsewhere:8700", token="given").bearer() == "given"
