"""The internal listener: relayed calls of other gateways, announcements and code for pods. All of it is signed."""

from aiohttp import web

from funclet.gateway.code.archives import PATH as CODE
from funclet.gateway.code.archives import Archives
from funclet.gateway.code.door import CodeDoor
from funclet.gateway.deployments.announcements import PATH as ANNOUNCE
from funclet.gateway.deployments.announcements import AnnouncementDoor
from funclet.gateway.home.messages import PATH as RELAY
from funclet.gateway.home.relay import RelayDoor
from funclet.lambda_api.invoke import REQUEST_LIMIT

_HEAD_LIMIT = 64 * 1024


def internal_application(
    relay: RelayDoor, announcements: AnnouncementDoor, archives: Archives, capability_key: bytes
) -> web.Application:
    """Make the application; none of its routes answers anything of worth to who shows no right to it."""
    app = web.Application(
        client_max_size=REQUEST_LIMIT,
        handler_args={"max_field_size": _HEAD_LIMIT, "max_line_size": 8190, "auto_decompress": False},
    )
    app.add_routes(
        [
            web.post(RELAY, relay.answer),
            web.post(ANNOUNCE, announcements.answer),
            web.get(f"{CODE}/{{namespace}}/{{sha256}}", CodeDoor(archives, capability_key).answer),
        ]
    )
    return app
