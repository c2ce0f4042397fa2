"""One archive over HTTP: within a size and a time, as the bytes that came, and every failure as a sentence."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

import aiohttp

from funclet.gateway.code.archives import ArchiveError
from funclet.store.blobs import CHUNK


@contextmanager
def explained(subject: str) -> Iterator[None]:
    """Tell what goes wrong inside as an ArchiveError, which says what to look at, and nothing of the inside.

    A name that is not there and one that leads to the inside read the same, so that nobody can ask for the
    names of the inside.
    """
    try:
        yield
    except aiohttp.ClientSSLError:
        why = (
            "its certificate is not valid for that name; use the name in the certificate, or have it renewed"
        )
    except (aiohttp.ClientConnectorDNSError, aiohttp.InvalidURL):
        why = (
            "the host has no public address; correct its name, or ask the platform's administrator to allow "
            "its network"
        )
    except TimeoutError:
        why = "it did not come in time; try again, or put the archive where it is had faster"
    except aiohttp.ClientPayloadError:
        why = "it broke off before its end; try again"
    except (aiohttp.ClientConnectionError, OSError):
        why = "the host does not answer; check that it is up and reachable from the cluster"
    except aiohttp.ClientError:
        why = "the host does not answer in proper HTTP; check the address"
    else:
        return
    raise ArchiveError(f"{subject}: {why}") from None


async def pieces(
    response: aiohttp.ClientResponse, subject: str, *, limit: int, until: float
) -> AsyncGenerator[bytes]:
    """Read the body of at most `limit` bytes until the loop's time `until`; raises ArchiveError and aiohttp's."""
    left = limit - (response.content_length or 0)
    if left >= 0:
        left = limit
        while piece := await _read(response, until):
            left -= len(piece)
            if left < 0:
                break
            yield piece
    if left < 0:
        raise ArchiveError(f"{subject}: it is larger than {limit} bytes; make the archive smaller")


async def _read(response: aiohttp.ClientResponse, until: float) -> bytes:
    async with asyncio.timeout_at(until):
        return await response.content.read(CHUNK)
