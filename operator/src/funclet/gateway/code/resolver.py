"""Names to addresses, of which every one has been looked at: what the connection then goes to is one of these."""

import socket
from collections.abc import Iterable

from aiohttp.abc import AbstractResolver, ResolveResult

from funclet.gateway.code.addresses import Network, address_of, may_connect


class InsideError(OSError):
    """A name leads to the inside."""


class CheckedResolver(AbstractResolver):
    """Refuses a name if one of its addresses is not to be connected to, whatever its others are."""

    def __init__(self, inner: AbstractResolver, allowed: Iterable[Network]) -> None:
        self._inner = inner
        self._allowed = tuple(allowed)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve a name. Raises InsideError, and OSError where there is no such name."""
        found = await self._inner.resolve(host, port, family)
        for each in found:
            address = address_of(each["host"])
            if address is None or not may_connect(address, self._allowed):
                raise InsideError
        return found

    async def close(self) -> None:
        """Close the resolver that is asked."""
        await self._inner.close()
