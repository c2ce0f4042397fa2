"""The Kubernetes-shaped REST API of local mode, for the administration listener.

What kubectl asks of an API server, as far as the command line needs it; on a cluster the same verbs go to
the real one. The listener's token and the guard against foreign hosts stand before these routes.
"""

from aiohttp import web

from funclet.local.rest.blobs import blob_routes
from funclet.local.rest.events import EventSource, event_routes
from funclet.local.rest.logs import LogSource, log_routes
from funclet.local.rest.objects import ReplacingKube, object_routes
from funclet.store.blobs import Blobs


def rest_routes(
    kube: ReplacingKube, *, events: EventSource, blobs: Blobs, logs: LogSource
) -> list[web.RouteDef]:
    """All routes; `events` is the store itself, where it keeps them."""
    return [*object_routes(kube), *log_routes(kube, logs), *event_routes(kube, events), *blob_routes(blobs)]
