import io

import pytest

from funclet.api.settings import Code, VersionedSettings
from funclet.local.console import Console
from funclet.plan.revision import ResolvedRuntime, Revision


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def revision(version: str = "$LATEST") -> Revision:
    settings = VersionedSettings(runtime="python", handler="a.b", code=Code(inline={"a.py": ""}))
    return Revision(
        "k", "default", "greet", "greet", version, settings, "0" * 64, ResolvedRuntime("python", "d")
    )


def test_lines_of_functions_begin_with_their_name_and_version() -> None:
    stream = io.StringIO()
    console = Console(stream)
    console.log(revision(), "hello")
    console.log(revision("2"), "hello")
    assert stream.getvalue() == "greet  hello\ngreet:2  hello\n"


def test_only_a_terminal_gets_colours() -> None:
    plain, terminal = io.StringIO(), Terminal()
    for stream in (plain, terminal):
        Console(stream).error("wrong")
    assert plain.getvalue() == "wrong\n"
    assert terminal.getvalue() == "\x1b[31mwrong\x1b[0m\n"


def test_a_function_cannot_send_commands_to_the_terminal() -> None:
    stream = Terminal()
    Console(stream).log(revision(), "a\x1b]0;title\x07b\rc")
    assert "\x1b]0;" not in stream.getvalue()
    assert "a\\x1b]0;title\\x07b\\x0dc" in stream.getvalue()


def test_the_platforms_own_start_and_end_are_left_out() -> None:
    stream = io.StringIO()
    console = Console(stream)
    for line in (
        "START RequestId: 1 Version: 1",
        "END RequestId: 1",
        "INIT_START Runtime Version: x",
        "REPORT RequestId: 1",
    ):
        console.log(revision(), line)
    assert stream.getvalue() == "greet  REPORT RequestId: 1\n"


def test_a_reader_that_is_gone_is_no_error() -> None:
    stream = io.StringIO()
    console = Console(stream)
    stream.close()
    console.say("to nobody")


@pytest.mark.parametrize("verb", ["say", "warn", "error"])
def test_a_sentence_about_a_function_cannot_move_the_cursor_either(verb: str) -> None:
    stream = io.StringIO()
    getattr(Console(stream), verb)("Function f: init failed: \x1b[2Jboom")
    assert stream.getvalue() == "Function f: init failed: \\x1b[2Jboom\n"
