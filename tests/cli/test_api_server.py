"""The way to an API server: by the name that its certificate has, and through a proxy."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from funclet.cli.api_server import api_server as server_of
from funclet.cli.errors import CliError, Exit
from funclet.cli.http import UnreachableError
from funclet.kube.config import InFile
from funclet.kube.credentials import Credentials, find_credentials
from support.api_server import Server, api_server

__all__ = ["api_server"]


@pytest.fixture
async def credentials(api_server: Server) -> Credentials:
    return replace(await find_credentials(InFile(str(api_server.kubeconfig))), proxy=None)


@asynccontextmanager
async def proxy(heads: list[str]) -> AsyncIterator[str]:
    """An HTTP proxy that opens tunnels, and keeps what it was asked."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        heads.append(head)
        host, _, port = head.split()[1].rpartition(":")
        to_reader, to_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(pumped(reader, to_writer), pumped(to_reader, writer))
        served.set()

    served = asyncio.Event()
    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        await served.wait()


async def pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on all that comes."""
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def asked(credentials: Credentials) -> int:
    """The status of a request."""
    answer = await asyncio.to_thread(server_of(credentials, "It is away.").ask, "GET", "/api")
    return answer.status


async def test_it_is_asked_with_the_certificates_of_the_kubeconfig(credentials: Credentials) -> None:
    assert await asked(credentials) == 200


async def test_a_certificate_of_another_name_is_not_taken(credentials: Credentials) -> None:
    with pytest.raises(UnreachableError, match=r"It is away. .*certificate"):
        await asked(replace(credentials, server_name="elsewhere.example.org"))


async def test_the_certificate_may_be_known_by_the_name_that_the_kubeconfig_says(
    credentials: Credentials,
) -> None:
    assert await asked(replace(credentials, server_name="kubernetes.default.svc")) == 200


async def test_a_proxy_opens_a_tunnel_and_is_told_who_asks(credentials: Credentials) -> None:
    heads: list[str] = []
    async with proxy(heads) as address:
        assert await asked(replace(credentials, proxy=f"http://me:s%40cret@{address}")) == 200
    assert heads[0].startswith(f"CONNECT {credentials.server.removeprefix('https://')} HTTP/1.")
    assert "Proxy-Authorization: Basic bWU6c0BjcmV0" in heads[0]


async def test_a_proxy_of_another_kind_is_refused(credentials: Credentials) -> None:
    with pytest.raises(CliError, match="only http://HOST:PORT can") as refused:
        await asked(replace(credentials, proxy="socks5://127.0.0.1:1"))
    assert refused.value.status is Exit.USAGE
