"""`funclet logs`."""

import sys
from typing import Annotated

from cyclopts import Parameter

from funclet.cli.client import connect
from funclet.cli.connection import Connection

_NOBODY = Connection()


def logs(
    name: Annotated[str, Parameter(help="NAME, NAME:VERSION or 'NAME:$LATEST'.")],
    /,
    *,
    follow: Annotated[
        bool, Parameter(name=["--follow", "-f"], negative=(), help="Go on with new lines as they come.")
    ] = False,
    tail: Annotated[int | None, Parameter(help="Only so many of the newest lines.")] = None,
    connection: Connection = _NOBODY,
) -> None:
    """Show what a function wrote."""
    function, _, version = name.partition(":")
    for line in connect(connection).logs(function, version=version or None, tail=tail, follow=follow):
        sys.stdout.buffer.write(line)
        if follow:
            sys.stdout.flush()
