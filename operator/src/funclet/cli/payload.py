"""The event of an invocation: from the command line, a file or standard input."""

import json
import sys
from pathlib import Path

from funclet.cli.errors import CliError, Exit

#: bytes; more than Lambda takes, so that the gateway is the one to refuse
_MAX_PAYLOAD = 64 << 20


def read_payload(text: str | None, file: str | None) -> bytes | None:
    """The event, checked to be JSON; None where none was given. Raises CliError."""
    if text is not None and file is not None:
        raise CliError("Give --payload or --payload-file, not both.", Exit.USAGE)
    if text is not None:
        return _json(
            text.encode("utf-8", "surrogateescape"),
            "--payload",
            "Mind the shell's quotes: --payload '{\"a\": 1}'.",
        )
    if file is not None:
        return _json(_read(file), "standard input" if file == "-" else file, "Give a file with JSON in it.")
    return None


def _read(file: str) -> bytes:
    try:
        if file == "-":
            return sys.stdin.buffer.read(_MAX_PAYLOAD)
        with Path(file).open("rb") as opened:
            return opened.read(_MAX_PAYLOAD)
    except OSError as error:
        raise CliError(
            f"{file}: {error.strerror or error}. Give another --payload-file.", Exit.USAGE
        ) from error


def _json(payload: bytes, source: str, hint: str) -> bytes:
    try:
        json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise CliError(f"{source} is not JSON: {error}. {hint}", Exit.USAGE) from error
    return payload
