"""`funclet publish`."""

import sys
from typing import Annotated

from cyclopts import Parameter

from funclet.cli import render
from funclet.cli.client import connect
from funclet.cli.connection import Connection
from funclet.cli.finding import find
from funclet.cli.publishing import point_alias
from funclet.cli.publishing import publish as publish_version
from funclet.local.rest.kinds import BY_KIND

_NOBODY = Connection()


def publish(
    name: Annotated[str, Parameter(help="The function.")],
    /,
    *,
    description: Annotated[
        str | None, Parameter(help="A sentence about the version.", allow_leading_hyphen=True)
    ] = None,
    alias: Annotated[str | None, Parameter(help="An alias that is to lead to the version.")] = None,
    timeout: Annotated[float, Parameter(help="Seconds to wait for the version.")] = 30.0,
    output: Annotated[
        render.Words, Parameter(name=["--output", "-o"], help="The number alone, or all about it.")
    ] = "text",
    connection: Connection = _NOBODY,
) -> None:
    """Make a version of what a function is now, and print its number.

    If nothing changed since the newest version, that one is the answer.
    """
    cluster = connect(connection, changes=True)
    function = find(cluster, BY_KIND["Function"], name)
    version = publish_version(cluster, function, description=description, seconds=timeout)
    told = {"function": function["metadata"]["name"], "version": version}
    try:
        if alias is not None:
            point_alias(cluster, told["function"], alias, version)
            told["alias"] = alias
            sys.stderr.write(f"Alias {alias} of {name} leads to version {version}.\n")
    finally:
        # The version is there, whatever became of the alias.
        sys.stdout.write(f"{version}\n" if output == "text" else render.structured(told, output))
