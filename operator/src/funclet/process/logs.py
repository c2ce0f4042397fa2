"""Logs of a process on a cluster: one JSON object for each line, of our own modules and of libraries."""

import logging
import sys
from typing import Literal

import structlog


def through(
    shared: list[structlog.typing.Processor], last: structlog.typing.Processor
) -> structlog.stdlib.ProcessorFormatter:
    """Make a formatter of what structlog and the standard library's loggers are told; `last` makes the text."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            last,
        ],
    )


def configure_logs(form: Literal["JSON", "Text"]) -> None:
    """Send structlog and the standard library's loggers to standard error in one form."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if form == "JSON" else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(through(shared, last))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Kopf tells of every event at level INFO and of its own working at DEBUG.
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
