import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from funclet.local.console import Console
from funclet.local.own_log import configure_logging


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(params=[io.StringIO, Terminal])
def out(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What a console shows, once as a file and once as a terminal; the logging of the tests comes back after it."""
    root, ours = logging.getLogger(), logging.getLogger("funclet")
    before = (root.handlers, root.level, ours.level)
    stream: io.StringIO = request.param()
    configure_logging(Console(stream))
    yield stream
    root.handlers = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])
    structlog.reset_defaults()


def plain(out: io.StringIO) -> str:
    return out.getvalue().replace("\x1b[31m", "").replace("\x1b[33m", "").replace("\x1b[0m", "")


def test_our_own_events_are_lines_with_their_values(out: io.StringIO) -> None:
    structlog.get_logger("funclet.gateway.fleet").info("start_failed", revision="greet-1", why="no such file")
    assert plain(out) == "gateway.fleet: start failed  revision=greet-1 why='no such file'\n"


def test_libraries_are_heard_from_warnings_on(out: io.StringIO) -> None:
    logging.getLogger("asyncio").info("poll took long")
    logging.getLogger("asyncio").warning("Executing %s took %d s", "a_task", 3)
    assert plain(out) == "asyncio: Executing a_task took 3 s\n"


def test_nothing_is_said_of_debugging(out: io.StringIO) -> None:
    structlog.get_logger("funclet.gateway").debug("a_detail")
    assert out.getvalue() == ""


@pytest.mark.parametrize("of", ["funclet.local.rest", "aiohttp.server"])
def test_a_defect_comes_with_its_trace(out: io.StringIO, of: str) -> None:
    log = structlog.get_logger(of) if of.startswith("funclet") else logging.getLogger(of)
    try:
        int("broken")
    except ValueError:
        log.exception("request_failed")
    lines = plain(out).splitlines()
    assert lines[0] == f"{of.removeprefix('funclet.')}: request failed"
    assert lines[1].startswith("Traceback")
    assert lines[-1] == "ValueError: invalid literal for int() with base 10: 'broken'"


def test_colours_are_for_terminals(out: io.StringIO) -> None:
    structlog.get_logger("funclet.x").warning("warned")
    structlog.get_logger("funclet.x").error("failed")
    assert (out.getvalue() == "\x1b[33mx: warned\x1b[0m\n\x1b[31mx: failed\x1b[0m\n") is out.isatty()
    assert plain(out) == "x: warned\nx: failed\n"


def test_what_a_caller_sent_cannot_move_the_cursor(out: io.StringIO) -> None:
    structlog.get_logger("funclet.x").info("request_failed", path="/\x1b[2J\nforged: line")
    logging.getLogger("aiohttp").error("bad request: %s", "\x1b[2J")
    assert "\x1b[2J" not in out.getvalue()
    assert plain(out).count("\n") == 2
