"""Short questions to a supervisor, each on a connection of its own."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from funclet.gateway.answer import init_failure
from funclet.gateway.failure import StartFailedError
from funclet.gateway.greeting import LONGEST, Greeting, parse_greeting
from funclet.gateway.ports import TcpAddress, UnixAddress
from funclet.gateway.proof import ProofError, Trust, proof_for
from funclet.gateway.resend import Fence
from funclet.lambda_api.invoke import RESPONSE_LIMIT

_HEAD_LIMIT = 16 * 1024
_READY = b"GET /ready HTTP/1.1\r\nhost: funclet\r\nconnection: close\r\n\r\n"
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
    body: bytes


async def ask(address: UnixAddress | TcpAddress, request: bytes, trust: Trust = None) -> Reply:
    """Send one bodiless request after the greeting and the proof. Raises AskError."""
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await _dial(address)
            try:
                return await _exchange(reader, writer, request, trust)
            finally:
                writer.close()
    except (OSError, ValueError, LookupError, EOFError, asyncio.LimitOverrunError, ProofError) as error:
        raise AskError(str(error)) from error


async def _dial(address: UnixAddress | TcpAddress) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(address, UnixAddress):
        return await asyncio.open_unix_connection(address.path, limit=_HEAD_LIMIT)
    return await asyncio.open_connection(address.host, address.port, limit=_HEAD_LIMIT)


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, trust: Trust
) -> Reply:
    line = await reader.readuntil(b"\r\n")
    greeting = parse_greeting(line[:-2]) if len(line) <= LONGEST else None
    if greeting is None:
        raise ValueError("no greeting of a supervisor")
    if (proof := proof_for(greeting, trust)) is not None:
        writer.write(proof.request)
        proof.check((await reader.readuntil(b"\r\n\r\n"))[:-4])
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status, *lines = head.split("\r\n")
    fields = (line.partition(":") for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in fields}
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= RESPONSE_LIMIT:
        raise ValueError("an answer longer than any may be")
    return Reply(greeting, int(status.split(" ")[1]), headers, await reader.readexactly(length))


async def is_ready(address: UnixAddress | TcpAddress, revision: str, trust: Trust = None) -> bool:
    """Whether the runtime has asked for its first event; False too where nobody answers.

    Raises StartFailedError once it never will, because init failed.
    """
    try:
        reply = await ask(address, _READY, trust)
    except AskError:
        return False
    if reply.greeting.revision != revision:
        return False
    if reply.status == 503 and reply.headers.get("x-funclet-outcome") == "init-error":  # noqa: PLR2004 - HTTP's Service Unavailable
        raise StartFailedError(init_failure(reply.body))
    return reply.status == 200  # noqa: PLR2004 - HTTP's OK


async def fence(
    address: UnixAddress | TcpAddress, boot: str, token: str, trust: Trust = None
) -> tuple[bool, Fence]:
    """Forbid the call with this token to start: whether the boot id is the same, and what was said."""
    request = (
        f"POST /fence HTTP/1.1\r\nhost: funclet\r\nx-funclet-token: {token}\r\n"
        "content-length: 0\r\nconnection: close\r\n\r\n"
    )
    try:
        reply = await ask(address, request.encode(), trust)
    except AskError:
        return False, Fence.UNREACHABLE
    said = reply.headers.get("x-funclet-call") if reply.status == 200 else None  # noqa: PLR2004 - HTTP's OK
    verdict = {"refused": Fence.REFUSED, "started": Fence.STARTED}.get(said or "", Fence.UNREACHABLE)
    return reply.greeting.boot == boot, verdict
