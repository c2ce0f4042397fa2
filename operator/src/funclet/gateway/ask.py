"""Short questions to a supervisor, each on a connection of its own."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from funclet.gateway.greeting import LONGEST, Greeting, parse_greeting
from funclet.gateway.ports import TcpAddress, UnixAddress
from funclet.gateway.resend import Fence

_HEAD_LIMIT = 16 * 1024
#: seconds for one question, dial and greeting included
PATIENCE = 5.0


class AskError(Exception):
    """Nobody answered, or not in the contract's words."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A supervisor's answer; header names in lower case."""

    greeting: Greeting
    status: int
    headers: Mapping[str, str]


async def ask(address: UnixAddress | TcpAddress, request: bytes) -> Reply:
    """Send one bodiless request after the greeting. Raises AskError."""
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await _dial(address)
            try:
                return await _exchange(reader, writer, request)
            finally:
                writer.close()
    except (OSError, ValueError, LookupError, EOFError, asyncio.LimitOverrunError) as error:
        raise AskError(str(error)) from error


async def _dial(address: UnixAddress | TcpAddress) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(address, UnixAddress):
        return await asyncio.open_unix_connection(address.path, limit=_HEAD_LIMIT)
    return await asyncio.open_connection(address.host, address.port, limit=_HEAD_LIMIT)


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> Reply:
    line = await reader.readuntil(b"\r\n")
    greeting = parse_greeting(line[:-2]) if len(line) <= LONGEST else None
    if greeting is None:
        raise ValueError("no greeting of contract 1")
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status, *lines = head.split("\r\n")
    fields = (line.partition(":") for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in fields}
    return Reply(greeting, int(status.split(" ")[1]), headers)


async def is_ready(address: UnixAddress | TcpAddress, revision: str) -> bool:
    """Whether the runtime has asked for its first event; False too where nobody answers."""
    try:
        reply = await ask(address, b"GET /ready HTTP/1.1\r\nhost: funclet\r\nconnection: close\r\n\r\n")
    except AskError:
        return False
    return reply.status == 200 and reply.greeting.revision == revision  # noqa: PLR2004 - HTTP's OK


async def fence(address: UnixAddress | TcpAddress, boot: str, token: str) -> tuple[bool, Fence]:
    """Forbid the call with this token to start: whether the boot id is the same, and what was said."""
    request = (
        f"POST /fence HTTP/1.1\r\nhost: funclet\r\nx-funclet-token: {token}\r\n"
        "content-length: 0\r\nconnection: close\r\n\r\n"
    )
    try:
        reply = await ask(address, request.encode())
    except AskError:
        return False, Fence.UNREACHABLE
    said = reply.headers.get("x-funclet-call") if reply.status == 200 else None  # noqa: PLR2004 - HTTP's OK
    verdict = {"refused": Fence.REFUSED, "started": Fence.STARTED}.get(said or "", Fence.UNREACHABLE)
    return reply.greeting.boot == boot, verdict
