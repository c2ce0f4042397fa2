"""`funclet delete`."""

import sys
from typing import Annotated

from cyclopts import Parameter

from funclet.cli.applying import Named, delete_all, described
from funclet.cli.client import connect
from funclet.cli.connection import Connection
from funclet.cli.errors import CliError, Exit
from funclet.cli.kinds import kind_of

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
    status = Exit.OK
    for outcome in delete_all(cluster, wanted):
        if outcome.error is None:
            sys.stdout.write(f"{outcome.what} {outcome.done}\n")
            if outcome.warning:
                sys.stderr.write(f"warning: {outcome.warning}\n")
        elif not (ignore_not_found and outcome.error.status is Exit.NOT_FOUND):
            sys.stderr.write(f"{outcome.error}\n")
            status = outcome.error.status
    return status
