"""A real cluster, by kubeconfig or from inside a pod."""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from funclet.cli import pods
from funclet.cli.api_server import api_server
from funclet.cli.cluster import Applied, Object
from funclet.cli.errors import CliError, Exit
from funclet.cli.http import Answer, Server, UnreachableError
from funclet.cli.pod_logs import PodLogs, pods_from
from funclet.cli.rest import RestCluster, segment
from funclet.cli.target import OneCluster
from funclet.kube.config import NoClusterError, Source
from funclet.kube.credentials import Credentials, find_credentials
from funclet.local.rest.kinds import GROUP, Kind

#: seconds after which pods are listed anew
_WATCH_SECONDS = 240
#: seconds for which credentials are taken to be good without asking again: a plugin's may run out
_FRESH = 60.0


def open_cluster(target: OneCluster, namespace: str | None, *, changes: bool = False) -> "KubeCluster":
    """Get ready to speak with a cluster; nothing is sent yet. Raises CliError.

    With `changes`, a cluster that nobody named is told on standard error.
    """
    cluster = KubeCluster(target.source, _credentials(target.source), namespace)
    if changes and not target.named:
        _tell(f"Acting on {cluster.where}; --context or FUNCLET_CONTEXT chooses another.")
    return cluster


class KubeCluster(RestCluster):
    """What a real API server has beyond local mode: pods, rights, and the possibility that Funclet is not there."""

    keeps_code = False

    def __init__(self, source: Source, credentials: Credentials, namespace: str | None) -> None:
        self.credentials = credentials
        self._source = source
        self._fresh_until = time.monotonic() + _FRESH
        super().__init__(self._api_server(), namespace or credentials.namespace)

    @property
    def where(self) -> str:
        """The cluster, for a person."""
        name = f"context {self.credentials.context}" if self.credentials.context else "this pod's cluster"
        return f"{name} ({self.credentials.server})"

    def server(self) -> Server:
        """The API server, by credentials that are good now."""
        if time.monotonic() > self._fresh_until:
            self._fresh_until = time.monotonic() + _FRESH
            self.credentials = _credentials(self._source)
            self._server = self._api_server()
        return self._server

    def list(self, kind: Kind) -> list[Object]:
        """See Cluster."""
        return [_shown(each) for each in super().list(kind)]

    def get(self, kind: Kind, name: str) -> Object:
        """See Cluster."""
        return _shown(super().get(kind, name))

    def apply(self, manifest: Mapping[str, Any], *, manager: str) -> Applied:
        """See Cluster."""
        applied = super().apply(manifest, manager=manager)
        return replace(applied, object=_shown(applied.object))

    def logs(
        self, function: str, *, versions: frozenset[str], tail: int | None, follow: bool
    ) -> Iterator[bytes]:
        """See Cluster: of the pods that there are, with whose end their logs go."""
        path = f"/api/v1/namespaces/{segment(self.namespace)}/pods"
        logs = PodLogs(self.server, path, self.refusal, _tell)
        call = f"`funclet invoke {function}` makes something run"
        if follow:
            idle = f"Nothing of {function} runs; waiting. {call}."
            return logs.follow(lambda: self._watch_runs(path, function, versions), tail=tail, idle=idle)
        listed = self._pods(path, function)
        runs = pods.runs_of(listed["items"], function, versions)
        if not runs:
            _tell(f"Nothing of {function} runs, and logs go with their pods. {call}; -f waits for it.")
        return logs.read(runs, tail=tail)

    def upload(self, sha256: str, archive: bytes) -> None:
        """See Cluster: manifests that ask for it are refused before."""
        raise CliError(f"A cluster does not keep the code {sha256} ({len(archive)} bytes).", Exit.REFUSED)

    def _watch_runs(
        self, path: str, function: str, versions: frozenset[str]
    ) -> Iterator[tuple[pods.Run, ...]]:
        listed = self._pods(path, function)
        known: dict[str, Any] = {each["metadata"]["uid"]: each for each in listed["items"]}
        yield pods.runs_of(known.values(), function, versions)
        query = {
            "watch": "true",
            "labelSelector": pods.selector(function),
            "resourceVersion": listed["metadata"]["resourceVersion"],
            "timeoutSeconds": str(_WATCH_SECONDS),
        }
        for line in self.server().lines(path, query=query, seconds=2 * _WATCH_SECONDS):
            if isinstance(line, Answer):
                raise self.refusal(line)
            if not pods_from(line, known):
                return
            yield pods.runs_of(known.values(), function, versions)

    def _pods(self, path: str, function: str) -> Object:
        return self._json(self.server().ask("GET", path, query={"labelSelector": pods.selector(function)}))

    def _api_server(self) -> Server:
        missing = (
            f"The API server of {self.where} does not answer. Is the cluster up? Name another with --context."
        )
        return api_server(self.credentials, missing)

    def refusal(self, answer: Answer) -> CliError:
        """See RestCluster."""
        if answer.status == 401:  # noqa: PLR2004  # HTTP's Unauthorized
            return CliError(
                f"The API server of {self.where} does not take your credentials. Log in to the cluster again,"
                " or name another with --context.",
                Exit.REFUSED,
            )
        error = super().refusal(answer)
        if answer.status != 403:  # noqa: PLR2004  # HTTP's Forbidden
            return error
        hint = f"Ask for the role view (to look) or edit (to change) in namespace {self.namespace}."
        return CliError(f"{error}\n{hint}", error.status)

    def _stranger(self, answer: Answer) -> CliError:
        if answer.status == 404:  # noqa: PLR2004  # HTTP's Not Found; an API server says so of a group it has not
            return UnreachableError(
                f"{self.where} does not know the kinds of {GROUP}: Funclet is not installed there."
                " Install the chart, or name another cluster with --context."
            )
        told = answer.body[:200].decode("utf-8", "replace").strip()
        return CliError(
            f"{self.where} answered {answer.status}, and not as an API server does: {told}", Exit.REFUSED
        )


def _credentials(source: Source) -> Credentials:
    try:
        return asyncio.run(find_credentials(source))
    except NoClusterError as error:
        raise CliError(f"The cluster cannot be used: {error}.", Exit.USAGE) from error


def _shown(found: Object) -> Object:
    """The object without who manages which of its fields, as kubectl shows it."""
    metadata = {name: value for name, value in found["metadata"].items() if name != "managedFields"}
    return {**found, "metadata": metadata}


def _tell(message: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()
