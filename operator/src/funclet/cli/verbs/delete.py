"""`funclet delete`."""

from typing import Annotated

from cyclopts import Parameter

from funclet.cli import render
from funclet.cli.applying import Named, delete_all, described
from funclet.cli.client import connect
from funclet.cli.connection import Connection
from funclet.cli.errors import CliError, Exit
from funclet.cli.kinds import kind_of
from funclet.cli.telling import tell

_NOBODY = Connection()


def delete(
    kind: Annotated[str, Parameter(help="functions (fn), functionversions (fnv) or aliases (fna).")] = "",
    /,
    *names: Annotated[str, Parameter(help="Names, of objects or in the Lambda API.")],
    file: Annotated[
        tuple[str, ...],
        Parameter(
            name=["--file", "-f"],
            negative=(),
            allow_leading_hyphen=True,
            help="Delete what manifests describe.",
        ),
    ] = (),
    ignore_not_found: Annotated[
        bool, Parameter(negative=(), help="What is not there counts as deleted.")
    ] = False,
    output: Annotated[
        render.Words, Parameter(name=["--output", "-o"], help="Words, or what named the objects.")
    ] = "text",
    connection: Connection = _NOBODY,
) -> int:
    """Delete functions, versions or aliases."""
    if bool(file) == bool(kind and names):
        raise CliError(
            "Say what to delete: `funclet delete KIND NAME…` or `funclet delete -f FILE`.", Exit.USAGE
        )
    cluster = connect(connection, changes=True)
    if file:
        wanted = described(file, cluster.namespace)
    else:
        wanted = [Named(kind_of(kind), name, cluster.namespace, by_any_name=True) for name in names]
    outcomes = delete_all(cluster, wanted)
    if ignore_not_found:
        outcomes = (
            each for each in outcomes if each.error is None or each.error.status is not Exit.NOT_FOUND
        )
    return tell(outcomes, output)
