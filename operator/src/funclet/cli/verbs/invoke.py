"""`funclet invoke`."""

import os
import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from funclet.cli import gateway, render
from funclet.cli.connection import Connection
from funclet.cli.errors import Exit
from funclet.cli.payload import read_payload
from funclet.cli.ways import find_way

_NOBODY = Connection()


def invoke(
    name: Annotated[str, Parameter(help="NAME, NAME:VERSION, NAME:ALIAS or an ARN.")],
    /,
    *,
    payload: Annotated[str | None, Parameter(help="The event, as JSON.", allow_leading_hyphen=True)] = None,
    payload_file: Annotated[
        str | None, Parameter(help="A file with the event; - is standard input.", allow_leading_hyphen=True)
    ] = None,
    tail: Annotated[bool, Parameter(negative=(), help="Show the end of the log, on standard error.")] = False,
    output: Annotated[
        Literal["payload", "json", "yaml"],
        Parameter(name=["--output", "-o"], help="The answer alone, or all about it."),
    ] = "payload",
    connection: Connection = _NOBODY,
) -> int:
    """Call a function and print its answer."""
    event = read_payload(payload, payload_file)
    result = gateway.invoke(find_way(connection, name), event, tail=tail)
    if result.log_tail is not None and output == "payload":
        sys.stderr.write(result.log_tail)
    if output == "payload":
        sys.stdout.buffer.write(result.payload + (b"\n" if sys.stdout.isatty() else b""))
    else:
        sys.stdout.write(render.structured(result.summary(), output))
    sys.stdout.flush()
    if result.error is None:
        return Exit.OK
    gap = "\n" if output == "payload" and _follows(result.payload) else ""
    sys.stderr.write(f"{gap}{result.failure()}\n")
    return Exit.FUNCTION_ERROR


def _follows(payload: bytes) -> bool:
    """Whether errors would stand in the line of the answer: both go to the same pipe or file."""
    try:
        same = os.path.sameopenfile(sys.stdout.fileno(), sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return same and not sys.stdout.isatty() and not payload.endswith(b"\n")
