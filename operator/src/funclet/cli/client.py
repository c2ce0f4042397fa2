"""The objects of a cluster, or of local mode, as the verbs see them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol
from urllib.parse import quote

from funclet.cli.connection import Connection
from funclet.cli.errors import CliError, Exit
from funclet.cli.http import Answer, Server, SilentError
from funclet.local.rest_kinds import API_VERSION, BY_KIND, Kind

Object = dict[str, Any]

_OK = range(200, 300)
_UPLOAD_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply did; `object` is how it is now."""

    verb: Literal["created", "configured", "unchanged"]
    object: Object


class Cluster(Protocol):
    """All that the verbs ask for; every method raises CliError, with what to do next."""

    def list(self, kind: Kind) -> list[Object]:
        """All objects of the kind in the namespace."""
        ...

    def get(self, kind: Kind, name: str) -> Object:
        """One object."""
        ...

    def apply(self, manifest: Mapping[str, Any], *, manager: str) -> Applied:
        """Server-side apply."""
        ...

    def delete(self, kind: Kind, name: str, *, namespace: str) -> None:
        """Delete one object."""
        ...

    def watch(self, kind: Kind, name: str, *, seconds: float) -> Iterator[Object]:
        """The object as it is and each time it changes, for so many seconds at most."""
        ...

    def logs(self, function: str, *, version: str | None, tail: int | None, follow: bool) -> Iterator[bytes]:
        """Lines of a function's log, with their ends."""
        ...

    def upload(self, sha256: str, archive: bytes) -> None:
        """Make the archive known under its SHA-256 (hex)."""
        ...


def connect(connection: Connection) -> Cluster:
    """The cluster that the flags mean."""
    url, token = connection.administration_url(), connection.bearer()
    gateway = connection.gateway_url()
    missing = (
        f"No gateway answers at {gateway} (administration: {url})."
        " Start one with `funclet local PATH`, or set FUNCLET_URL."
    )
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return RestCluster(Server(url, missing, headers), connection.namespace, had_token=bool(token))


class RestCluster:
    """The Kubernetes-shaped REST API of the administration listener."""

    def __init__(self, server: Server, namespace: str, *, had_token: bool) -> None:
        self._server = server
        self._namespace = namespace
        self._had_token = had_token

    def list(self, kind: Kind) -> list[Object]:
        """See Cluster."""
        items: list[Object] = self._json(self._server.ask("GET", self._path(kind)))["items"]
        return items

    def get(self, kind: Kind, name: str) -> Object:
        """See Cluster."""
        return self._json(self._server.ask("GET", self._path(kind, name)))

    def apply(self, manifest: Mapping[str, Any], *, manager: str) -> Applied:
        """See Cluster."""
        metadata = manifest["metadata"]
        path = self._path(BY_KIND[manifest["kind"]], metadata["name"], metadata.get("namespace"))
        before = self._server.ask("GET", path)
        answer = self._server.ask(
            "PATCH",
            path,
            query={"fieldManager": manager, "force": "true"},
            headers={"Content-Type": "application/apply-patch+yaml"},
            body=json.dumps(manifest).encode(),
        )
        after = self._json(answer)
        if answer.status == 201:  # noqa: PLR2004  # HTTP's Created
            return Applied("created", after)
        same = before.status == 200 and _said(self._json(before)) == _said(after)  # noqa: PLR2004  # HTTP's OK
        return Applied("unchanged" if same else "configured", after)

    def delete(self, kind: Kind, name: str, *, namespace: str) -> None:
        """See Cluster."""
        self._json(self._server.ask("DELETE", self._path(kind, name, namespace)))

    def watch(self, kind: Kind, name: str, *, seconds: float) -> Iterator[Object]:
        """See Cluster."""
        query = {
            "watch": "true",
            "fieldSelector": f"metadata.name={name}",
            "timeoutSeconds": str(max(1, int(seconds))),
        }
        try:
            for line in self._server.lines(self._path(kind), query=query, seconds=seconds):
                if isinstance(line, Answer):
                    raise self._refusal(line)
                event = json.loads(line)
                if event["type"] in {"ADDED", "MODIFIED"}:
                    yield event["object"]
                elif event["type"] in {"DELETED", "ERROR"}:
                    return
        except SilentError:
            return

    def logs(self, function: str, *, version: str | None, tail: int | None, follow: bool) -> Iterator[bytes]:
        """See Cluster."""
        query = {
            "version": version,
            "tail": None if tail is None else str(tail),
            "follow": "true" if follow else None,
        }
        path = f"{self._path(BY_KIND['Function'], function)}/log"
        for line in self._server.lines(path, query=query):
            if isinstance(line, Answer):
                raise self._refusal(line)
            yield line

    def upload(self, sha256: str, archive: bytes) -> None:
        """See Cluster."""
        path = f"/blobs/{sha256}"
        if self._server.ask("HEAD", path).status == 200:  # noqa: PLR2004  # HTTP's OK
            return
        headers = {"Content-Type": "application/zip"}
        self._json(self._server.ask("PUT", path, headers=headers, body=archive, seconds=_UPLOAD_SECONDS))

    def _path(self, kind: Kind, name: str | None = None, namespace: str | None = None) -> str:
        parts = (namespace or self._namespace, kind.plural, *(() if name is None else (name,)))
        return f"/apis/{API_VERSION}/namespaces/" + "/".join(quote(part, safe="") for part in parts)

    def _json(self, answer: Answer) -> Object:
        if answer.status not in _OK:
            raise self._refusal(answer)
        found: Object = json.loads(answer.body)
        return found

    def _refusal(self, answer: Answer) -> CliError:
        if answer.status == 401:  # noqa: PLR2004  # HTTP's Unauthorized
            return CliError(self._no_token(), Exit.REFUSED)
        try:
            status = json.loads(answer.body)
            message = str(status["message"])
            causes = status.get("details", {}).get("causes", [])
            told = [f"  {cause['field']}: {cause['message']}" for cause in causes]
        except (ValueError, KeyError, TypeError, AttributeError):
            message = f"{self._server.url} answered {answer.status}, and not as a gateway does. Is FUNCLET_ADMIN_URL right?"
            return CliError(message, Exit.REFUSED)
        lines = [message] if len(told) != 1 else [message.partition(": ")[0] + ":"]
        code = Exit.NOT_FOUND if answer.status == 404 else Exit.REFUSED  # noqa: PLR2004  # HTTP's Not Found
        return CliError("\n".join([*(lines if told else [message]), *told]), code)

    def _no_token(self) -> str:
        which = "does not take this token" if self._had_token else "wants a token"
        return (
            f"{self._server.url} {which}. Run the command where `funclet local` runs,"
            " give its state folder with --state, or set FUNCLET_TOKEN."
        )


def _said(found: Object) -> tuple[Any, ...]:
    """What an apply can change of an object, as far as anybody cares."""
    metadata = found["metadata"]
    return (
        metadata.get("uid"),
        metadata.get("generation"),
        metadata.get("labels"),
        metadata.get("annotations"),
    )
