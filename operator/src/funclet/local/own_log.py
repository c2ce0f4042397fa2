"""What Funclet's own modules and the libraries log, as lines for the person at the terminal."""

import logging
from collections.abc import MutableMapping
from typing import Any

import structlog

from funclet.local.console import Console
from funclet.process.logs import through

_OURS = "funclet"
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/$@+%")


def configure_logging(console: Console) -> None:
    """Send what structlog and the standard library's loggers are told to the console.

    Our own modules are heard from INFO on, libraries from WARNING on.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = _ConsoleHandler(console)
    handler.setFormatter(through(shared, _line))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(_OURS).setLevel(logging.INFO)


class _ConsoleHandler(logging.Handler):
    """Warnings and errors look as the console's own do."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        if record.levelno >= logging.ERROR:
            self._console.error(text)
        elif record.levelno >= logging.WARNING:
            self._console.warn(text)
        else:
            self._console.say(text)


def _line(_logger: object, _method: str, told: MutableMapping[str, Any]) -> str:
    """`gateway.fleet: start failed  revision=greet-1`; a traceback follows on lines of its own."""
    name = str(told.pop("logger", "")).removeprefix(f"{_OURS}.")
    event = str(told.pop("event", ""))
    trace = told.pop("exception", None)
    # Our own events are words for machines; here people read them.
    words = event.replace("_", " ") if event.isidentifier() else event
    values = "".join(f" {key}={_shown(value)}" for key, value in told.items())
    line = f"{name}: {words}" + (f" {values}" if values else "")
    return line if trace is None else f"{line}\n{trace}"


def _shown(value: object) -> str:
    text = str(value)
    return text if text and _PLAIN.issuperset(text) else repr(text)
