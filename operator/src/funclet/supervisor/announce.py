"""Telling the gateways that this pod listens, so that nobody waits until Kubernetes has noticed."""

from __future__ import annotations

import sys

from funclet.supervisor.child import Child
from funclet.supervisor.outcome import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from funclet.supervisor.loop import Loop
    from funclet.supervisor.own_environment import Identity
    from funclet.supervisor.pod_settings import Announcement

#: seconds between two attempts
_FIRST_PAUSE, _LAST_PAUSE = 0.2, 5.0
#: seconds for each step of an attempt, and for the whole
_STEP, _ATTEMPT = 2.0, 5


class Announcer:
    """Tells it at once, and again until a gateway has come and proved itself."""

    def __init__(self, loop: Loop, announcement: Announcement, message: bytes) -> None:
        self._loop = loop
        self._announcement = announcement
        self._message = message
        self._pause = _FIRST_PAUSE
        self._complaint = b""
        self._heard = False

    def start(self) -> None:
        """Tell it, unless that is needed no more."""
        if self._heard:
            return
        try:
            Child(self._loop, self._tell, self._told, _ATTEMPT)
        except OSError as error:
            self._told(str(error).encode())

    def heard(self) -> None:
        """A gateway has proved itself: it knows where this pod is."""
        self._heard = True

    def _tell(self) -> bytes:
        """In the child: return what went wrong, `ok` if nothing did."""
        from funclet.supervisor.http_client import Exchange, HttpError  # noqa: PLC0415 - for the child alone

        headers = {
            "authorization": f"Bearer {self._announcement.capability}",
            "content-type": "application/json",
        }
        try:
            status = Exchange(self._announcement.url, "POST", headers, self._message, _STEP).status()
        except (HttpError, OSError) as error:
            return str(error).encode()
        # 404: the gateway has not seen this pod's object yet.
        return b"ok" if status in {204, 404} else b"the gateway answered %d" % status

    def _told(self, said: bytes) -> None:
        if self._heard:
            return
        if said not in {b"ok", b"", self._complaint}:
            self._complaint = said
            sys.stderr.write(f"funclet supervisor: announcement: {said.decode(errors='replace')}\n")
        self._loop.call_later(self._pause, self.start)
        self._pause = min(2 * self._pause, _LAST_PAUSE)


def message(identity: Identity, revision: str, port: int) -> bytes:
    """Return what is told, one JSON object."""
    told = {
        "namespace": identity.namespace,
        "pod": identity.name,
        "uid": identity.uid,
        "address": identity.address,
        "revision": revision,
    }
    words = ",".join(f"{quote(name)}:{quote(value)}" for name, value in told.items())
    return f'{{{words},"port":{port}}}'.encode()
