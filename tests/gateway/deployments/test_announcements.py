"""What pods say of themselves, at the internal port: understood from whoever shows the right, believed from nobody."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from funclet.gateway.deployments import announcements
from funclet.gateway.deployments.announcements import PATH, AnnouncementDoor
from funclet.gateway.home.homes import Homes, home_among
from funclet.lambda_api.invoke import REQUEST_LIMIT
from funclet.plan.capability import announce_capability
from funclet.plan.plan import Key

KEY = b"the capability key"
SAID = {
    "namespace": "default",
    "pod": "hello-1",
    "uid": "uid-1",
    "address": "10.0.0.7",
    "port": 8901,
    "revision": "hello-latest-a",
}
RIGHT = announce_capability(KEY, "default", "hello-latest-a")


class Door:
    """One gateway's door, with what it passed on."""

    def __init__(self, name: str, session: aiohttp.ClientSession) -> None:
        self.homes = Homes(name, clock=time.monotonic)
        self.session = session
        self.told: list[tuple[Key, str, str]] = []
        self.knows = True
        self.functions = {("default", "hello-latest-a"): "hello"}
        door = AnnouncementDoor(
            self.homes,
            KEY,
            function_of=lambda namespace, revision: self.functions.get((namespace, revision)),
            announced=self._announced,
            session=session,
        )
        app = web.Application(client_max_size=REQUEST_LIMIT)
        app.router.add_post(PATH, door.answer)
        self.runner = web.AppRunner(app)

    def _announced(self, pod: Key, uid: str, address: str) -> bool:
        self.told.append((pod, uid, address))
        return self.knows

    @property
    def address(self) -> str:
        """Where it is."""
        return f"127.0.0.1:{self.runner.addresses[0][1]}"

    async def announce(
        self, said: Any = None, capability: str | None = f"Bearer {RIGHT}", **headers: str
    ) -> int:
        """Say it, and give the answer's status."""
        told = {**headers, **({} if capability is None else {"authorization": capability})}
        body = said if isinstance(said, bytes) else json.dumps(SAID if said is None else said).encode()
        async with self.session.post(f"http://{self.address}{PATH}", data=body, headers=told) as answer:
            return answer.status

    async def announce_half(self) -> bytes:
        """Say how long it will be, and no more of it; give the first line of the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.runner.addresses[0][1])
        writer.write(b"POST /announce HTTP/1.1\r\nhost: x\r\ncontent-length: 4000\r\n\r\n{")
        line = await reader.readline()
        writer.close()
        return line


@pytest.fixture
async def doors() -> AsyncIterator[tuple[Door, Door]]:
    """The function's home, and another gateway."""
    async with aiohttp.ClientSession() as session:
        home = home_among("ab", "default", "hello")
        made = Door(home, session), Door("b" if home == "a" else "a", session)
        for each in made:
            await each.runner.setup()
            await web.TCPSite(each.runner, "127.0.0.1", 0).start()
        for each in made:
            each.homes.update({one.homes.own: one.address for one in made})
        yield made
        for each in made:
            await each.runner.cleanup()


TOLD = (Key("Pod", "default", "hello-1"), "uid-1", "10.0.0.7")


async def test_a_pod_that_announces_itself_at_its_home_is_understood(doors: tuple[Door, Door]) -> None:
    home, other = doors
    assert await home.announce() == 204
    assert (home.told, other.told) == ([TOLD], [])


async def test_a_pod_that_announces_itself_elsewhere_is_passed_on(doors: tuple[Door, Door]) -> None:
    home, other = doors
    assert await other.announce() == 204
    assert (home.told, other.told) == ([TOLD], [])


async def test_an_announcement_is_passed_on_once(doors: tuple[Door, Door]) -> None:
    home, other = doors
    home.homes.leave()
    assert await other.announce() == 404
    assert (home.told, other.told) == ([], [])


async def test_a_pod_that_is_not_there_yet_is_told_to_come_back(doors: tuple[Door, Door]) -> None:
    home, other = doors
    home.knows = False
    assert await home.announce() == 404
    assert await other.announce() == 404


async def test_a_revision_that_nobody_knows_is_told_to_come_back(doors: tuple[Door, Door]) -> None:
    home, _ = doors
    home.functions.clear()
    assert await home.announce() == 404
    assert home.told == []


async def test_a_home_that_is_away_is_told_to_come_back(doors: tuple[Door, Door]) -> None:
    home, other = doors
    await home.runner.cleanup()
    assert await other.announce() == 404


@pytest.mark.parametrize(
    "capability",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Basic {RIGHT}",
        f"Bearer {RIGHT[:-1]}",
        f"Bearer {RIGHT}0",
        f"Bearer {RIGHT.upper()}",
        f"Bearer {announce_capability(KEY, 'default', 'hello-latest-b')}",
        f"Bearer {announce_capability(KEY, 'shop', 'hello-latest-a')}",
        f"Bearer {announce_capability(b'forged', 'default', 'hello-latest-a')}",
    ],
)
async def test_who_does_not_show_the_revisions_capability_is_refused(
    doors: tuple[Door, Door], capability: str | None
) -> None:
    for door in doors:
        assert await door.announce(capability=capability) == 401
        assert await door.announce(capability=capability, x_funclet_forwarded="1") == 401
        assert door.told == []


async def test_one_that_does_not_come_whole_is_not_waited_for(
    doors: tuple[Door, Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcements, "_PATIENCE", 0.05)
    assert b" 408 " in await doors[0].announce_half()


@pytest.mark.parametrize("changes", [{"namespace": "shop"}, {"revision": "hello-latest-b"}])
async def test_a_capability_is_for_one_revision_of_one_namespace(
    doors: tuple[Door, Door], changes: dict[str, str]
) -> None:
    assert await doors[0].announce({**SAID, **changes}) == 401
    assert doors[0].told == []


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{",
        b"\xff",
        b"null",
        b"[]",
        b"[" * 4000,
        {},
        {**SAID, "uid": 7},
        {**SAID, "namespace": None},
        {name: value for name, value in SAID.items() if name != "pod"},
        {**SAID, "address": "gateway.internal"},
        {**SAID, "address": "10.0.0.7:80"},
        {**SAID, "address": "10.0.0.7/24"},
        {**SAID, "address": ""},
    ],
)
async def test_what_is_no_announcement_is_refused(doors: tuple[Door, Door], said: Any) -> None:
    assert await doors[0].announce(said) == 400
    assert doors[0].told == []


async def test_an_announcement_longer_than_any_is_not_read(doors: tuple[Door, Door]) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield json.dumps(SAID).encode()

    home, _ = doors
    assert await home.announce({**SAID, "padding": "x" * 4096}) == 413
    headers = {"authorization": f"Bearer {RIGHT}"}
    async with home.session.post(f"http://{home.address}{PATH}", data=pieces(), headers=headers) as answer:
        assert answer.status == 413
    assert home.told == []
