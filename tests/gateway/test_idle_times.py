"""Connections that are kept: the client's side forgets each before the server's side closes it (DESIGN: on every hop)."""

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path

from typing_extensions import override

from funclet.gateway import upstream
from funclet.gateway.cluster import internal
from funclet.gateway.home import peers
from funclet.gateway.ports import Instance, UnixAddress
from funclet.gateway.settings import ListenerLimits
from funclet.plan.revision import Revision
from funclet.supervisor import gateway_server
from support.gateway import FakeStarter, exchange, invoke_bytes, route, serving, until

#: how long proxies in front keep a connection that they do not use: nginx and AWS's load balancer
PROXY = 60.0


def test_from_gateway_to_supervisor() -> None:
    assert upstream.IDLE * 2 < gateway_server._IDLE


def test_from_gateway_to_gateway() -> None:
    assert internal.LIMITS.keep_alive > peers.IDLE * 2


def test_from_a_proxy_to_the_gateway() -> None:
    assert ListenerLimits().keep_alive > PROXY


class Road:
    """A way to a supervisor on which an end takes its time: what is sent meanwhile arrives nowhere."""

    def __init__(self, behind: str, path: str) -> None:
        self._behind = behind
        self._path = path
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        #: ends of the supervisor's side that the gateway has not seen
        self.ended = 0
        self.lost: list[bytes] = []

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._accept, self._path)

    async def close(self) -> None:
        """End everything."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.closing(writer), contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await self._carry(reader, writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_behind, to_behind = await asyncio.open_unix_connection(self._behind)
        with contextlib.closing(to_behind):
            back = asyncio.create_task(_pass_on(from_behind, writer))
            while data := await reader.read(65536):
                if back.done():
                    self.lost.append(data)
                    return
                to_behind.write(data)
            back.cancel()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)


class DistantStarter(FakeStarter):
    """Makes supervisors at the end of such a road."""

    def __init__(self) -> None:
        super().__init__()
        self.roads: list[Road] = []

    @override
    async def start(self, revision: Revision) -> Instance:
        instance = await super().start(revision)
        assert isinstance(instance.address, UnixAddress)
        path = f"{instance.address.path}r"
        self.roads.append(Road(instance.address.path, path))
        await self.roads[-1].open()
        return replace(instance, address=UnixAddress(path))


async def test_an_end_that_comes_late_loses_no_call_and_runs_none_twice() -> None:
    starter = DistantStarter()
    async with serving(starter, route()) as gateway:
        assert (await exchange(gateway.port, invoke_bytes(body=b"1"))).body == b"1"
        supervisor, road = starter.supervisors["i0"], starter.roads[0]
        for task in list(supervisor._tasks):
            task.cancel()
        await until(lambda: not supervisor._tasks)
        # The supervisor has closed; the gateway does not know, and sends its POST.
        answers = [await exchange(gateway.port, invoke_bytes(body=b"%d" % number)) for number in (2, 3)]
        assert [(each.status, each.body) for each in answers] == [(200, b"2"), (200, b"3")]
        assert [data.startswith(b"POST /invoke ") for data in road.lost] == [True]
        assert len(supervisor.fenced) == 1
        ran = [call.body for each in starter.supervisors.values() for call in each.calls]
        assert ran == [b"1", b"2", b"3"]
        await until(lambda: Path(f"{supervisor.path}r").exists())
    for each in starter.roads:
        await each.close()
