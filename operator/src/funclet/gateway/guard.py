"""Keeps web pages from running functions on the machine they are looked at."""

import re
from collections.abc import Mapping

from funclet.lambda_api.errors import AwsError, forbidden

_PORT = re.compile(r":[0-9]*$")


class Guard:
    """Refuses foreign Host headers (DNS rebinding) and whatever a browser sends for a page.

    `hosts` None lets everything pass: in a cluster the caller is known by its signature.
    """

    def __init__(self, hosts: frozenset[str] | None) -> None:
        self._hosts = hosts
        #: Host headers found good; a client sends the same one again and again
        self._known: set[bytes] = set()

    def refusal(self, headers: Mapping[bytes, bytes]) -> AwsError | None:
        """Why a request with these headers (names in lower case) is refused, or None."""
        if self._hosts is None:
            return None
        host = headers.get(b"host", b"")
        if host not in self._known:
            if not self._allows(host):
                return forbidden("This address answers only to its own name: use localhost or 127.0.0.1.")
            if len(self._known) < 64:  # noqa: PLR2004 - ports differ, so the set must not grow for ever
                self._known.add(host)
        if b"origin" in headers:
            return forbidden("Browsers may not call this address: the request has an Origin header.")
        if headers.get(b"sec-fetch-site", b"none") not in {b"none", b"same-origin"}:
            return forbidden("Browsers may not call this address: Sec-Fetch-Site is not same-origin.")
        return None

    def _allows(self, host: bytes) -> bool:
        name = _PORT.sub("", host.decode("latin-1").strip().lower())
        return self._hosts is not None and name in self._hosts
