"""The way to a function of a cluster: which gateway, which name, and which token opens it."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping

from funclet.cli.connection import Connection, is_here
from funclet.cli.errors import CliError, Exit
from funclet.cli.finding import find
from funclet.cli.gateway import Way
from funclet.cli.http import Answer, Server, UnreachableError
from funclet.cli.kube_cluster import KubeCluster, open_cluster
from funclet.cli.rest import segment
from funclet.cli.target import OneCluster
from funclet.local.rest.kinds import BY_KIND

#: of the gateway's Service, by name
_PORT = "http"
_ELSE = "Give the gateway's address with --url or FUNCLET_URL, and what opens it with FUNCLET_TOKEN"


def way_in_cluster(connection: Connection, target: OneCluster, name: str) -> Way:
    """The way to a function of the cluster: by its ARN, which says the namespace. Raises CliError."""
    cluster = open_cluster(target, connection.namespace, changes=True)
    arn = name if name.startswith("arn:") else _arn(cluster, name)
    if connection.url:
        missing = f"No gateway answers at {connection.url}. Is FUNCLET_URL right?"
        tokens = _Tokens(cluster, connection, direct=True)
        return Way(Server(connection.url, missing, {}), "", arn, tokens, tokens.hint)
    namespace, service = _service(connection)
    prefix = f"/api/v1/namespaces/{segment(namespace)}/services/{segment(service)}:{_PORT}/proxy"
    tokens = _Tokens(cluster, connection, direct=False)

    def stranger(answer: Answer) -> CliError:
        return _stopped(cluster, answer, connection.gateway)

    return Way(cluster.server(), prefix, arn, tokens, tokens.hint, stranger)


def _arn(cluster: KubeCluster, name: str) -> str:
    function, colon, qualifier = name.partition(":")
    found = find(cluster, BY_KIND["Function"], function)
    arn = found.get("status", {}).get("functionArn")
    if not arn:
        raise CliError(
            f"{function} has no ARN yet: Funclet has not seen it. Look with `funclet describe {function}`.",
            Exit.REFUSED,
        )
    return f"{arn}{colon}{qualifier}"


class _Tokens:
    """The tokens that may open the gateway, the one that is given first; `direct`: not by way of the API server."""

    def __init__(self, cluster: KubeCluster, connection: Connection, *, direct: bool) -> None:
        self._cluster = cluster
        self._connection = connection
        self._direct = direct
        self._looked: list[str] = []

    def __iter__(self) -> Iterator[Mapping[str, str]]:
        url = self._connection.url or ""
        if self._connection.token:
            self._looked.append("took FUNCLET_TOKEN")
            yield self._header(self._connection.token)
        elif self._direct and not (url.startswith("https:") or is_here(url)):
            self._looked.append(f"{url} is not encrypted, so no token was looked for")
            yield {}
        else:
            yield from self._found()

    def hint(self) -> str:
        """What was tried, and what to do."""
        tried = "; ".join(self._looked)
        return (
            f"Tokens: {tried}.\n"
            "Set FUNCLET_TOKEN to the chart's token, or to one of somebody who may `invoke` the function."
        )

    def _found(self) -> Iterator[Mapping[str, str]]:
        own = self._cluster.credentials.token
        if own:
            self._looked.append("took your own of Kubernetes")
            yield self._header(own)
        else:
            self._looked.append("Kubernetes knows you by no token")
        chart = self._charts()
        if chart is not None:
            self._looked.append("took the chart's")
            yield self._header(chart)
        elif not own:
            # A gateway that asks nobody needs none.
            yield {}

    def _header(self, token: str) -> dict[str, str]:
        # The API server takes `Authorization` for itself, and passes this one on.
        return {"Authorization": f"Bearer {token}"} if self._direct else {"X-Amz-Security-Token": token}

    def _charts(self) -> str | None:
        namespace, service = _service(self._connection)
        name = f"{service.removesuffix('-gateway')}-keys"
        path = f"/api/v1/namespaces/{segment(namespace)}/secrets/{segment(name)}"
        answer = self._cluster.server().ask("GET", path)
        try:
            return base64.b64decode(json.loads(answer.body)["data"]["api.token"]).decode()
        except (ValueError, KeyError, TypeError, binascii.Error):
            self._looked.append(f"could not read the Secret {name} in {namespace} ({answer.status})")
            return None


def _service(connection: Connection) -> tuple[str, str]:
    namespace, slash, service = connection.gateway.partition("/")
    if not (namespace and slash and service):
        raise CliError(f"--gateway is NAMESPACE/SERVICE, not {connection.gateway!r}.", Exit.USAGE)
    return namespace, service


def _stopped(cluster: KubeCluster, answer: Answer, gateway: str) -> CliError:
    """The error of a call that ended at the API server."""
    error = cluster.refusal(answer)
    match answer.status:
        case 404:
            return CliError(
                f"There is no Service {gateway} with Pods. Name the gateway's with --gateway NAMESPACE/SERVICE.",
                Exit.UNREACHABLE,
            )
        case 502 | 503 | 504:
            return UnreachableError(f"The gateway {gateway} does not answer: {error}")
        case 403:
            return CliError(
                f"The API server does not let you through to {gateway}: {error}\n{_ELSE}.", Exit.REFUSED
            )
        case _:
            return error
