"""`funclet logs`."""

import sys
from typing import Annotated

from cyclopts import Parameter

from funclet.cli.client import connect
from funclet.cli.cluster import Cluster
from funclet.cli.connection import Connection
from funclet.cli.errors import CliError, Exit
from funclet.cli.finding import LATEST, find, find_alias, find_version, versions_of
from funclet.local.rest.kinds import BY_KIND

_NOBODY = Connection()


def logs(
    name: Annotated[str, Parameter(help="NAME, NAME:VERSION, NAME:ALIAS or 'NAME:$LATEST'.")],
    /,
    *,
    follow: Annotated[
        bool, Parameter(name=["--follow", "-f"], negative=(), help="Go on with new lines as they come.")
    ] = False,
    tail: Annotated[int | None, Parameter(help="Only so many of the newest lines.")] = None,
    connection: Connection = _NOBODY,
) -> None:
    """Show what a function wrote, or one version of it, or those that an alias leads to now."""
    called, _, qualifier = name.partition(":")
    cluster = connect(connection)
    function = find(cluster, BY_KIND["Function"], called)["metadata"]["name"]
    versions = _versions(cluster, function, qualifier)
    for line in cluster.logs(function, versions=versions, tail=tail, follow=follow):
        sys.stdout.buffer.write(line)
        if follow:
            sys.stdout.flush()


def _versions(cluster: Cluster, function: str, qualifier: str) -> frozenset[str]:
    """The versions that a qualifier means; none means all of them. Raises CliError."""
    if not qualifier:
        return frozenset()
    if qualifier == LATEST:
        return frozenset({qualifier})
    if qualifier.isdecimal():
        if find_version(cluster, function, qualifier) is None:
            raise _unknown(function, f"version {qualifier}")
        return frozenset({qualifier})
    alias = find_alias(cluster, function, qualifier)
    if alias is None:
        raise _unknown(function, f"alias {qualifier}")
    return versions_of(alias)


def _unknown(function: str, what: str) -> CliError:
    hint = f"See what there is with `funclet describe {function}`."
    return CliError(f"{function} has no {what}. {hint}", Exit.NOT_FOUND)
