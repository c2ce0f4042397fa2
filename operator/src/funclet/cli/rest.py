"""The objects behind a Kubernetes-shaped REST API: one code path for a real API server and for local mode."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from funclet.cli.cluster import Applied, Object
from funclet.cli.errors import CliError, Exit
from funclet.cli.events import last_seen
from funclet.cli.http import Answer, Server, SilentError
from funclet.local.rest.kinds import API_VERSION, BY_KIND, Kind

_OK = range(200, 300)


class RestCluster(ABC):
    """A Kubernetes-shaped REST API, as far as a real API server and local mode's have it in common."""

    def __init__(self, server: Server, namespace: str) -> None:
        self.namespace = namespace
        self._server = server

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
            query={"fieldManager": manager, "force": "true", "fieldValidation": "Strict"},
            headers={"Content-Type": "application/apply-patch+yaml"},
            body=json.dumps(manifest).encode(),
        )
        after = self._json(answer)
        if answer.status == 201:  # noqa: PLR2004  # HTTP's Created
            return Applied("created", after)
        same = before.status == 200 and _said(self._json(before)) == _said(after)  # noqa: PLR2004  # HTTP's OK
        return Applied("unchanged" if same else "configured", after)

    def patch(self, kind: Kind, name: str, patch: Mapping[str, Any], *, manager: str) -> Object:
        """See Cluster."""
        answer = self._server.ask(
            "PATCH",
            self._path(kind, name),
            query={"fieldManager": manager, "fieldValidation": "Strict"},
            headers={"Content-Type": "application/merge-patch+json"},
            body=json.dumps(patch).encode(),
        )
        return self._json(answer)

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
                    raise self.refusal(line)
                event = json.loads(line)
                if event["type"] in {"ADDED", "MODIFIED"}:
                    yield event["object"]
                elif event["type"] in {"DELETED", "ERROR"}:
                    return
        except SilentError:
            return

    def events(self, kind: Kind, name: str) -> Sequence[Object]:
        """See Cluster."""
        about = f"involvedObject.kind={kind.kind},involvedObject.name={name}"
        path = f"/api/v1/namespaces/{segment(self.namespace)}/events"
        found: Sequence[Object] = self._json(self._server.ask("GET", path, query={"fieldSelector": about}))[
            "items"
        ]
        return sorted(found, key=last_seen)

    def _path(self, kind: Kind, name: str | None = None, namespace: str | None = None) -> str:
        where = (segment(namespace or self.namespace), kind.plural)
        return f"/apis/{API_VERSION}/namespaces/" + "/".join(
            (*where, *(() if name is None else (segment(name),)))
        )

    def _json(self, answer: Answer) -> Object:
        if answer.status not in _OK:
            raise self.refusal(answer)
        found: Object = json.loads(answer.body)
        return found

    def refusal(self, answer: Answer) -> CliError:
        """Make the error of an answer that is not the one wanted."""
        try:
            status = json.loads(answer.body)
            message = str(status["message"])
            causes = (status.get("details") or {}).get("causes") or []
            told = [f"  {cause['field']}: {cause['message']}" for cause in causes]
        except (ValueError, KeyError, TypeError, AttributeError):
            return self._stranger(answer)
        return self._refused(answer.status, message, told)

    def _refused(self, status: int, message: str, told: Sequence[str]) -> CliError:
        """The error of a metav1.Status; `told` are lines about single fields."""
        code = Exit.NOT_FOUND if status == 404 else Exit.REFUSED  # noqa: PLR2004  # HTTP's Not Found
        # A message of one field says it all again.
        head = message if len(told) != 1 else message.partition(": ")[0] + ":"
        return CliError("\n".join([head, *told]), code)

    @abstractmethod
    def _stranger(self, answer: Answer) -> CliError:
        """The error of an answer that is no metav1.Status."""


def segment(name: str) -> str:
    """The name as a part of a path. Raises CliError for one that no object has, and that could mean another path."""
    if name in {"", ".", ".."} or not {"/", "%"}.isdisjoint(name):
        raise CliError(
            f"{name!r} is no name of an object; `funclet get all` shows those there are.", Exit.NOT_FOUND
        )
    return quote(name, safe="")


def _said(found: Object) -> tuple[Any, ...]:
    """What an apply can change of an object, as far as anybody cares."""
    metadata = found["metadata"]
    return (
        metadata.get("uid"),
        metadata.get("generation"),
        metadata.get("labels"),
        metadata.get("annotations"),
    )
