"""A real cluster behind ClusterPort."""

import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

from funclet.kube import access
from funclet.kube.clock import utc_now
from funclet.kube.cluster_port import Caller
from funclet.kube.config import choose
from funclet.kube.connection import APPLY, MERGE, REQUEST, Connection, open_connection
from funclet.kube.hearing import Hearing
from funclet.kube.kinds import TRIMS, kind_of
from funclet.kube.objects import key_of, lean
from funclet.kube.port import Change, KubeError, NotFoundError, Object
from funclet.kube.recorder import Recorder
from funclet.kube.trims import Trim
from funclet.kube.watching import SILENCE, Reading, follow
from funclet.plan.plan import Event, Key

#: an Event is worth no long wait
_EVENT = aiohttp.ClientTimeout(total=5)
_REMEMBERED = 16_384


class ClusterKube:
    """The API server, and of its objects those that Funclet has to do with (see `kinds`).

    Deployments, ReplicaSets, ControllerRevisions, Pods and Leases are listed and watched only where they
    carry Funclet's label. `trims` says what of each kind is kept; managedFields never are.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        namespaces: Iterable[str] = (),
        trims: Mapping[str, Trim] = TRIMS,
        recorder: Recorder | None = None,
        silence: float = SILENCE,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`namespaces`: the only ones listed and watched, none: all; `silence`: seconds after which a watch is dead."""
        self._connection = connection
        self._namespaces: tuple[str | None, ...] = tuple(dict.fromkeys(namespaces)) or (None,)
        self._trims = trims
        self._recorder = recorder or Recorder("funclet.dev/funclet", "funclet")
        self._silence = silence
        self._now = now
        #: when each watch has last said something
        self.hearing = Hearing()
        #: events name the uid of what they are about; most objects were just read or written
        self._uids: OrderedDict[Key, str] = OrderedDict()

    async def close(self) -> None:
        """End all connections."""
        await self._connection.close()

    async def get(self, key: Key) -> Object:
        """See KubePort."""
        return self._kept(key, await self._connection.call("GET", _path(key)))

    async def list(self, kind: str, namespace: str | None = None) -> list[Object]:
        """See KubePort."""
        namespaces = (namespace,) if namespace is not None else self._namespaces
        found = [each for one in namespaces for each in await self._reading(kind, one).all()]
        return sorted(found, key=key_of)

    async def apply(self, manifest: Mapping[str, Any], *, manager: str) -> Object:
        """See KubePort. A resourceVersion in the manifest must be the present one."""
        key = key_of(manifest)
        query = {"fieldManager": manager, "force": "true"}
        body = _sendable(manifest)
        return self._kept(
            key,
            await self._connection.call("PATCH", _path(key), query=query, body=body, content_type=APPLY),
        )

    async def create(self, manifest: Mapping[str, Any], *, manager: str) -> Object:
        """See ClusterPort."""
        key = key_of(manifest)
        path = kind_of(key.kind).collection(key.namespace)
        query = {"fieldManager": manager}
        return self._kept(
            key, await self._connection.call("POST", path, query=query, body=_sendable(manifest))
        )

    async def patch_status(self, key: Key, status: Mapping[str, Any], *, manager: str) -> Object:
        """See KubePort: the whole of what this manager has in the status; what others have there stays."""
        body = {
            "apiVersion": kind_of(key.kind).api_version,
            "kind": key.kind,
            "metadata": {"namespace": key.namespace, "name": key.name},
            "status": status,
        }
        query = {"fieldManager": manager, "force": "true"}
        path = _path(key, "status")
        return self._kept(
            key, await self._connection.call("PATCH", path, query=query, body=body, content_type=APPLY)
        )

    async def want(self, key: Key, wanted: Mapping[str, str | None], *, manager: str) -> None:
        """See ClusterPort."""
        body = {"status": {"wanted": dict(wanted)}}
        await self._merge(_path(key, "status"), body, manager)

    async def scale(self, key: Key, replicas: int, *, manager: str) -> None:
        """See ClusterPort."""
        await self._merge(_path(key, "scale"), {"spec": {"replicas": replicas}}, manager)

    async def delete(self, key: Key, *, uid: str | None = None) -> None:
        """See KubePort. What the object owns goes after it."""
        body: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if uid is not None:
            body["preconditions"] = {"uid": uid}
        await self._connection.call("DELETE", _path(key), body=body)
        self._uids.pop(key, None)

    def watch(self, *kinds: str) -> AsyncIterator[Change]:
        """See KubePort. Broken, silent and expired watches are mended inside.

        Raises KubeError when the API server is away, or does not let us watch.
        """
        readings = [self._reading(kind, namespace) for kind in kinds for namespace in self._namespaces]
        return follow(readings, self.hearing.heard, silence=self._silence)

    async def record(self, key: Key, event: Event) -> None:
        """See KubePort. What cannot be recorded is dropped."""
        try:
            await self._record(key, await self._uid(key), event)
        except KubeError:
            return

    async def _uid(self, key: Key) -> str:
        if key not in self._uids:
            self._kept(key, await self._connection.call("GET", _path(key), within=_EVENT))
        return self._uids[key]

    async def _record(self, key: Key, uid: str, event: Event) -> None:
        now = self._now()
        if (repeated := self._recorder.repeated(uid, event, now)) is not None:
            name, patch = repeated
            try:
                await self._merge(_path(Key("Event", key.namespace, name)), patch, "funclet", within=_EVENT)
            except NotFoundError:
                self._recorder.forget(uid, event)
            else:
                return
        manifest = self._recorder.made(key, uid, event, now)
        path = kind_of("Event").collection(key.namespace)
        try:
            await self._connection.call("POST", path, body=manifest, within=_EVENT)
        except KubeError:
            self._recorder.forget(uid, event)

    async def review_token(self, token: str, audiences: tuple[str, ...]) -> Caller | None:
        """See ClusterPort."""
        if not token:
            return None
        question = access.token_review(token, audiences)
        answer = await self._connection.call("POST", access.TOKEN_REVIEWS, body=question)
        return access.caller_of(answer, audiences)

    async def may(self, caller: Caller, *, verb: str, resource: str, namespace: str, name: str) -> bool:
        """See ClusterPort."""
        question = access.access_review(caller, verb=verb, resource=resource, namespace=namespace, name=name)
        return access.is_allowed(await self._connection.call("POST", access.ACCESS_REVIEWS, body=question))

    def _reading(self, kind: str, namespace: str | None) -> Reading:
        return Reading(self._connection, kind_of(kind), namespace, self._trims.get(kind))

    def _kept(self, key: Key, found: Object) -> Object:
        self._uids[key] = found["metadata"]["uid"]
        self._uids.move_to_end(key)
        if len(self._uids) > _REMEMBERED:
            self._uids.popitem(last=False)
        trim = self._trims.get(key.kind)
        return trim(lean(found)) if trim is not None else lean(found)

    async def _merge(
        self, path: str, body: Object, manager: str, *, within: aiohttp.ClientTimeout = REQUEST
    ) -> None:
        await self._connection.call(
            "PATCH", path, query={"fieldManager": manager}, body=body, content_type=MERGE, within=within
        )


def _path(key: Key, subresource: str = "") -> str:
    return kind_of(key.kind).path(key.namespace, key.name, subresource)


def _sendable(manifest: Mapping[str, Any]) -> Object:
    """Leave out what only the server, or another verb, writes."""
    return {name: value for name, value in lean(manifest).items() if name != "status"}


async def connect(
    kubeconfig: Path | None = None,
    context: str | None = None,
    *,
    namespaces: Iterable[str] = (),
    recorder: Recorder | None = None,
    environ: Mapping[str, str] | None = None,
) -> ClusterKube:
    """Get ready to speak with a cluster: of the kubeconfig given, of the surroundings, or of this pod.

    `recorder`: in whose name Events are recorded.
    Nothing is sent yet. Raises NoClusterError, whose message is for a person.
    """
    source = choose(kubeconfig, context, os.environ if environ is None else environ)
    return ClusterKube(await open_connection(source), namespaces=namespaces, recorder=recorder)
