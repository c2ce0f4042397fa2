"""The way to a function: straight to a gateway, or through a cluster's API server."""

from funclet.cli.connection import Connection, endpoints, problems
from funclet.cli.gateway import Way
from funclet.cli.http import Server
from funclet.cli.target import OneCluster, find_target

_TELL_TOKEN = "Set FUNCLET_TOKEN to a token that the gateway takes."  # noqa: S105  # a sentence


def find_way(connection: Connection, name: str) -> Way:
    """The way to a function by NAME, NAME:QUALIFIER or ARN, as the flags mean it. Raises CliError."""
    target = find_target(connection)
    if isinstance(target, OneCluster):
        from funclet.cli.cluster_ways import way_in_cluster  # noqa: PLC0415  # 0.4 s that local mode does not need

        return way_in_cluster(connection, target, name)
    url = connection.gateway_url()
    missing = f"No gateway answers at {url}. {target.hint}"
    # What the state folder holds opens the administration alone.
    token = {"Authorization": f"Bearer {connection.token}"} if connection.token else {}

    def why_missing() -> list[str]:
        own = connection.url in {None, endpoints(connection.state)[0]}
        return problems(connection.state, name.partition(":")[0]) if own else []

    return Way(Server(url, missing, {}), "", name, (token,), lambda: _TELL_TOKEN, why_missing=why_missing)
