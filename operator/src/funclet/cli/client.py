"""Whom the verbs speak with, as the flags mean it."""

from funclet.cli.cluster import Cluster
from funclet.cli.connection import Connection
from funclet.cli.http import Server
from funclet.cli.local_cluster import LocalCluster
from funclet.cli.target import NAMESPACE, OneCluster, find_target


def connect(connection: Connection, *, changes: bool = False) -> Cluster:
    """The cluster, or the local mode, that the flags mean. Raises CliError.

    With `changes`, a cluster that nobody named is told on standard error.
    """
    target = find_target(connection)
    if isinstance(target, OneCluster):
        from funclet.cli.kube_cluster import open_cluster  # noqa: PLC0415  # 0.4 s that local mode does not need

        return open_cluster(target, connection.namespace, changes=changes)
    url, token = connection.administration_url(), connection.bearer()
    missing = f"{_nobody(connection, url)} {target.hint}"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return LocalCluster(Server(url, missing, headers), NAMESPACE, had_token=bool(token))


def _nobody(connection: Connection, url: str) -> str:
    gateway = connection.gateway_url()
    if connection.admin_url or not connection.url:
        return f"No gateway answers at {gateway} (administration: {url})."
    return (
        f"No administration answers at {url}, where that of {gateway} would be. If it is elsewhere, say so with"
        " --admin-url or FUNCLET_ADMIN_URL."
    )
