"""`funclet get`."""

import sys
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from funclet.cli import columns, render
from funclet.cli.client import connect
from funclet.cli.connection import Connection
from funclet.cli.finding import find
from funclet.cli.kinds import kinds_of

_NOBODY = Connection()


def get(
    kind: Annotated[
        str,
        Parameter(help="functions (fn), functionversions (fnv), aliases (fna), several with commas, or all."),
    ],
    /,
    *names: Annotated[
        str, Parameter(help="Names, of objects or in the Lambda API; all of the kind unless given.")
    ],
    output: Annotated[render.Output, Parameter(name=["--output", "-o"], help="How to show them.")] = "table",
    connection: Connection = _NOBODY,
) -> None:
    """Show functions, versions and aliases."""
    cluster = connect(connection)
    found = [
        (each, [find(cluster, each, name) for name in names] if names else cluster.list(each))
        for each in kinds_of(kind)
    ]
    if output in {"json", "yaml"}:
        objects = [one for _, group in found for one in group]
        value = objects[0] if len(names) == 1 and len(objects) == 1 else render.as_list(objects)
        sys.stdout.write(render.structured(value, output))
        return
    tables = [
        render.table(
            *columns.rows(each.kind, group, datetime.now(UTC), wide=output == "wide"),
            colours=render.has_colours(),
        )
        for each, group in found
        if group
    ]
    sys.stdout.write("\n".join(tables))
    if not tables:
        sys.stderr.write(
            f"There are none in namespace {cluster.namespace}. Make one with `funclet apply -f FILE`.\n"
        )
