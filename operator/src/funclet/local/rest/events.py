"""Events about objects, for describing them."""

import hashlib
from collections.abc import Sequence
from typing import Any, Protocol

from aiohttp import web

from funclet.kube.objects import key_of
from funclet.kube.port import KubePort, Object
from funclet.local.rest.errors import told
from funclet.local.rest.kinds import API_VERSION, KINDS
from funclet.local.rest.selectors import selector
from funclet.local.rest.watch import collection_version
from funclet.plan.plan import Event, Key

_FIELDS = ("involvedObject.name", "involvedObject.kind", "involvedObject.uid", "type", "reason")


class Recorded(Protocol):
    """An Event with the time at which it was recorded (RFC 3339)."""

    @property
    def event(self) -> Event:
        """What happened."""
        ...

    @property
    def time(self) -> str:
        """When."""
        ...


class EventSource(Protocol):
    """Where the latest events of objects are kept."""

    def events(self, key: Key) -> Sequence[Recorded]:
        """The latest events of an object, the oldest first."""
        ...


def event_routes(kube: KubePort, source: EventSource) -> list[web.RouteDef]:
    """`/api/v1/namespaces/NAMESPACE/events?fieldSelector=involvedObject.name=NAME`."""

    async def events(request: web.Request) -> web.Response:
        wanted = selector(request.query, _FIELDS)
        items = [
            event
            for kind in KINDS
            for about in await kube.list(kind.kind, request.match_info["namespace"])
            for event in _events_of(about, source)
            if wanted(event)
        ]
        metadata = {"resourceVersion": collection_version(items)}
        return web.json_response(
            {"kind": "EventList", "apiVersion": "v1", "metadata": metadata, "items": items}
        )

    return [web.get("/api/v1/namespaces/{namespace}/events", told(events))]


def _events_of(about: Object, source: EventSource) -> list[dict[str, Any]]:
    return [_as_object(about, recorded) for recorded in source.events(key_of(about))]


def _as_object(about: Object, recorded: Recorded) -> dict[str, Any]:
    metadata, event = about["metadata"], recorded.event
    identity = "\0".join((metadata["uid"], recorded.time, event.reason, event.message))
    return {
        "kind": "Event",
        "apiVersion": "v1",
        "metadata": {
            "name": f"{metadata['name']}.{hashlib.sha256(identity.encode()).hexdigest()[:16]}",
            "namespace": metadata["namespace"],
            "creationTimestamp": recorded.time,
        },
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": about["kind"],
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
        "type": event.type,
        "reason": event.reason,
        "message": event.message,
        "lastTimestamp": recorded.time,
    }
