"""Everything that a user can do to a resource through an API server, and what it answers."""

import uuid
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from funclet.api.rules import validate
from funclet.kube.connection import APPLY, MERGE, Connection
from funclet.kube.kinds import kind_of
from funclet.kube.port import InvalidError, Object
from support.manifests import manifest

#: how a spec reaches the API server
VERBS = ("create", "update", "patch", "apply", "apply over")


def sound(kind: str) -> Object:
    """A manifest that nothing is wrong with."""
    return manifest(kind)


def with_spec(kind: str, spec: Mapping[str, Any]) -> Object:
    """The sound manifest with these fields of the spec; None leaves one out."""
    whole = sound(kind)
    whole["spec"] = {
        name: value for name, value in {**whole["spec"], **deepcopy(dict(spec))}.items() if value is not None
    }
    return whole


class Asking:
    """One object of one kind, of a name that nobody has."""

    def __init__(self, connection: Connection, namespace: str, kind: str) -> None:
        self.connection = connection
        self.namespace = namespace
        self.kind = kind_of(kind)
        self.name = f"greet-{uuid.uuid4().hex[:8]}"

    def _located(self, manifest: Object) -> Object:
        return {
            **manifest,
            "metadata": {**manifest["metadata"], "name": self.name, "namespace": self.namespace},
        }

    def path(self, subresource: str = "") -> str:
        """The object's path."""
        return self.kind.path(self.namespace, self.name, subresource)

    async def create(self, manifest: Object) -> Object:
        """POST."""
        path = self.kind.collection(self.namespace)
        return await self.connection.call("POST", path, body=self._located(manifest))

    async def there(self) -> Object:
        """Make the sound one."""
        return await self.create(sound(self.kind.name))

    async def send(self, verb: str, manifest: Object) -> Object:
        """Send a manifest in one of VERBS; all but `create` and `apply` find a sound one there."""
        if verb == "create":
            return await self.create(manifest)
        if verb == "apply":
            return await self.apply(manifest)
        if verb == "apply over":
            await self.apply(sound(self.kind.name))
            return await self.apply(manifest)
        stored = await self.there()
        if verb == "patch":
            return await self.patch({"spec": {**dict.fromkeys(stored["spec"]), **manifest["spec"]}})
        replaced = {**stored, "spec": manifest["spec"]}
        return await self.connection.call("PUT", self.path(), body=replaced)

    async def apply(self, manifest: Object) -> Object:
        """Apply on the server's side, as somebody of one's own."""
        query = {"fieldManager": "somebody", "force": "true"}
        body = self._located(manifest)
        return await self.connection.call("PATCH", self.path(), query=query, body=body, content_type=APPLY)

    async def patch(self, body: Mapping[str, Any], subresource: str = "") -> Object:
        """Merge."""
        return await self.connection.call("PATCH", self.path(subresource), body=body, content_type=MERGE)

    async def get(self) -> Object:
        """The object as it is stored."""
        return await self.connection.call("GET", self.path())


def twin(obj: Object, old: Object | None = None) -> dict[str, str]:
    """What Python says is wrong, by path."""
    return {problem.path: problem.message for problem in validate(obj, old, unknown="ignore")}


def same_words(error: InvalidError, wanted: Mapping[str, str]) -> bool:
    """Whether the API server names the same fields, each in the same words where a rule said them."""
    told = {field: [text for where, text in error.causes if where == field] for field, _ in error.causes}
    return all(any(words in text for text in told.get(path, ())) for path, words in wanted.items())
