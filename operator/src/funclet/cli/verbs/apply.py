"""`funclet apply`."""

import sys
from typing import Annotated

from cyclopts import Parameter

from funclet.cli import render
from funclet.cli.applying import apply_all
from funclet.cli.client import connect
from funclet.cli.connection import Connection
from funclet.cli.manifests import read_valid
from funclet.cli.telling import tell

_NOBODY = Connection()


def apply(
    *,
    file: Annotated[
        tuple[str, ...],
        Parameter(
            name=["--file", "-f"],
            negative=(),
            allow_leading_hyphen=True,
            help="A manifest, a folder of them, or - for standard input; repeatable.",
        ),
    ],
    output: Annotated[
        render.Words, Parameter(name=["--output", "-o"], help="Words, or the objects as they are now.")
    ] = "text",
    connection: Connection = _NOBODY,
) -> int:
    """Create or change what manifests describe; nothing is sent unless every one is valid."""
    cluster = connect(connection, changes=True)
    ready = read_valid(file, cluster.namespace, keeps_code=cluster.keeps_code)
    for place in ready.passed_over:
        sys.stderr.write(f"warning: {place} passed over; it is not Funclet's\n")
    return tell(apply_all(cluster, ready.objects), output)
