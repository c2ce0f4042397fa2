"""`funclet describe`."""

import sys
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from funclet.cli.client import connect
from funclet.cli.cluster import Cluster, Object
from funclet.cli.connection import Connection
from funclet.cli.describing import Surroundings
from funclet.cli.describing import describe as describe_object
from funclet.cli.finding import find, find_qualified
from funclet.cli.kinds import kind_of
from funclet.local.rest.kinds import BY_KIND, Kind

_NOBODY = Connection()


def describe(
    kind_or_name: Annotated[
        str, Parameter(name="KIND-OR-NAME", help="A function's NAME, NAME:VERSION or NAME:ALIAS; or a kind.")
    ],
    /,
    *names: Annotated[str, Parameter(help="After a kind: the names of its objects.")],
    connection: Connection = _NOBODY,
) -> None:
    """Tell how an object fares: its settings, conditions, versions, aliases and latest events."""
    cluster = connect(connection)
    if names:
        kind = kind_of(kind_or_name)
        found = [(kind, find(cluster, kind, name)) for name in names]
    else:
        found = [find_qualified(cluster, kind_or_name)]
    now = datetime.now(UTC)
    told = [describe_object(each, _around(cluster, kind, each), now) for kind, each in found]
    sys.stdout.write("\n\n".join(told))


def _around(cluster: Cluster, kind: Kind, found: Object) -> Surroundings:
    name = found["metadata"]["name"]
    events = cluster.events(kind, name)
    if kind.kind != "Function":
        return Surroundings(events=events)
    versions, aliases = (
        [each for each in cluster.list(BY_KIND[of]) if each["spec"].get("function") == name]
        for of in ("FunctionVersion", "Alias")
    )
    return Surroundings(
        versions=sorted(versions, key=lambda each: int(each["spec"]["version"]), reverse=True),
        aliases=sorted(aliases, key=lambda each: str(each["spec"]["name"])),
        events=events,
    )
