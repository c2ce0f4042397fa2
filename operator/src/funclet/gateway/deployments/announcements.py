"""Takes in what pods say of themselves as soon as they listen: a hint, believed only as far as it is proved."""

import asyncio
import ipaddress
import json
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp import web

from funclet.gateway.home.homes import Homes
from funclet.plan.capability import announce_capability, is_capability
from funclet.plan.plan import Key

PATH = "/announce"
_FORWARDED = "x-funclet-forwarded"
_LONGEST = 4096
_FIELDS = ("namespace", "pod", "uid", "address", "revision")
#: seconds
_PATIENCE = 2.0

#: takes pod, uid and address; False where there is no such pod that is waited for
Announced = Callable[[Key, str, str], bool]
#: gives the Lambda name of the function that a revision of a namespace belongs to, None where nobody knows it
FunctionOf = Callable[[str, str], str | None]


class AnnouncementDoor:
    """A handler of the internal listener."""

    def __init__(
        self,
        homes: Homes,
        key: bytes,
        *,
        function_of: FunctionOf,
        announced: Announced,
        session: aiohttp.ClientSession,
    ) -> None:
        self._homes = homes
        self._key = key
        self._function_of = function_of
        self._announced = announced
        self._session = session

    async def answer(self, request: web.Request) -> web.Response:
        """Answer 204 where it was understood, 401 to a wrong capability, 404 where there is no such pod yet."""
        # One without a length is none of a supervisor, and could be as long as any.
        if request.content_length is None or request.content_length > _LONGEST:
            return web.Response(status=413)
        try:
            async with asyncio.timeout(_PATIENCE):
                said = _read(await request.read())
        except TimeoutError:
            return web.Response(status=408)
        if said is None:
            text = "an announcement names namespace, pod, uid, address and revision\n"
            return web.Response(status=400, text=text)
        scheme, _, told = request.headers.get("authorization", "").partition(" ")
        right = announce_capability(self._key, said["namespace"], said["revision"])
        if scheme.lower() != "bearer" or not is_capability(told, right):
            return web.Response(status=401)
        return await self._take(said, told, forwarded=_FORWARDED in request.headers)

    async def _take(self, said: dict[str, str], capability: str, *, forwarded: bool) -> web.Response:
        namespace = said["namespace"]
        function = self._function_of(namespace, said["revision"])
        home = self._homes.home(namespace, function) if function is not None else None
        if home == self._homes.own:
            known = self._announced(Key("Pod", namespace, said["pod"]), said["uid"], said["address"])
            return web.Response(status=204 if known else 404)
        if home is None or forwarded:
            return web.Response(status=404)
        return await self._forward(home, said, capability)

    async def _forward(self, home: str, said: dict[str, str], capability: str) -> web.Response:
        headers = {"authorization": f"Bearer {capability}", _FORWARDED: "1"}
        url = f"http://{self._homes.address(home)}{PATH}"
        timeout = aiohttp.ClientTimeout(total=_PATIENCE)
        try:
            async with self._session.post(url, json=said, headers=headers, timeout=timeout) as response:
                return web.Response(status=response.status)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return web.Response(status=404)


def _read(body: bytes) -> dict[str, str] | None:
    try:
        said: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not all(isinstance(said.get(name), str) for name in _FIELDS):
        return None
    try:
        ipaddress.ip_address(said["address"])
    except ValueError:
        return None
    return {name: said[name] for name in _FIELDS}
