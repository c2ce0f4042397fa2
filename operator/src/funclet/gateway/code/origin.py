"""Archives from the web and from S3, by the rules against being made to ask the inside."""

import asyncio
import re
import ssl
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from funclet.gateway.code.addresses import EVERYWHERE, Network, address_of, may_connect
from funclet.gateway.code.archives import ArchiveError
from funclet.gateway.code.download import explained, pieces
from funclet.gateway.code.resolver import CheckedResolver
from funclet.gateway.code.s3 import S3Object, S3Signer, SignError

#: Bytes. AWS limits what an archive unpacks to, and so, in effect, the archive; 50 MB are its limit for uploads in
#: a request, which these are not. A pod takes no more than this either.
ARCHIVE_LIMIT: Final = 262_144_000
_PRINTABLE = re.compile(r"[!-~]{1,8192}")
_REDIRECTS = 3
_MOVED = frozenset({301, 302, 303, 307, 308})
_OK, _FORBIDDEN, _NOT_FOUND = 200, 403, 404
#: where S3 tells in which region a bucket is
_REGION = "x-amz-bucket-region"
_REGION_NAME = re.compile(r"[a-z0-9-]{1,63}")
#: seconds
_CONNECT = 10.0


@dataclass(frozen=True)
class OriginSettings:
    """What the platform's administrator decides."""

    #: whether code may come over plain HTTP: its hash is checked, but everybody on the way can read it
    allow_http: bool = False
    #: private networks with stores of code; the metadata services of clouds are never reached
    allowed_networks: tuple[Network, ...] = ()
    #: an S3 of one's own, http or https; reached wherever else it is, since its address is the administrator's
    s3_endpoint: str | None = None
    region: str = "us-east-1"
    #: bytes of an archive
    limit: int = ARCHIVE_LIMIT
    #: for all of it: names, redirects, the archive
    seconds: float = 60.0


class WebOrigin:
    """Fetches what https and s3 addresses give."""

    def __init__(
        self,
        settings: OriginSettings,
        *,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Needs a running loop. `tls` says whom to trust; the system's authorities unless given."""
        self._settings = settings
        inner = resolver or aiohttp.ThreadedResolver()
        self._s3_networks = settings.allowed_networks if settings.s3_endpoint is None else EVERYWHERE
        self._web = _session(CheckedResolver(inner, settings.allowed_networks), tls)
        self._s3 = _session(CheckedResolver(inner, self._s3_networks), tls)
        self._signer = S3Signer(settings.s3_endpoint, settings.region)

    async def close(self) -> None:
        """End what is under way."""
        await self._web.close()
        await self._s3.close()

    async def fetch(self, source: str) -> AsyncGenerator[bytes]:
        """Read what an https or s3 address gives, byte for byte as it was sent. Raises ArchiveError."""
        until = asyncio.get_running_loop().time() + self._settings.seconds
        wanted = S3Object.parse(source)
        subject = _shown(source) if wanted is None else source
        with explained(subject):
            if wanted is None:
                response = await self._follow(_url(source), subject, until)
            else:
                response = await self._object(wanted, subject, until)
            try:
                body = pieces(response, subject, limit=self._settings.limit, until=until)
                async with aclosing(body):
                    async for piece in body:
                        yield piece
            finally:
                response.close()

    async def _follow(self, url: URL, subject: str, until: float) -> aiohttp.ClientResponse:
        for _ in range(_REDIRECTS + 1):
            self._check(url, subject)
            response = await _get(self._web, url, until)
            if response.status == _OK:
                return response
            response.close()
            if response.status not in _MOVED:
                raise ArchiveError(
                    f"{subject}: the host answered {response.status}; check that the address gives the archive "
                    "to anybody who asks"
                )
            url = _next(url, response.headers.get("location"), subject)
        raise ArchiveError(f"{subject}: it leads on more than {_REDIRECTS} times; write the last address")

    def _check(self, url: URL, subject: str) -> None:
        if url.scheme == "http" and not self._settings.allow_http:
            raise ArchiveError(f"{subject}: plain http is not allowed on this platform; use https or s3")
        _check_address(url, self._settings.allowed_networks)

    async def _object(self, wanted: S3Object, subject: str, until: float) -> aiohttp.ClientResponse:
        response = await self._ask_s3(wanted, None, subject, until)
        region = response.headers.get(_REGION, "")
        if response.status != _OK and _REGION_NAME.fullmatch(region) and region != self._settings.region:
            response.close()
            response = await self._ask_s3(wanted, region, subject, until)
        if response.status == _OK:
            return response
        response.close()
        raise ArchiveError(f"{subject}: {_refusal(response.status)}")

    async def _ask_s3(
        self, wanted: S3Object, region: str | None, subject: str, until: float
    ) -> aiohttp.ClientResponse:
        try:
            async with asyncio.timeout_at(until):
                signed = await asyncio.to_thread(self._signer.sign, wanted, region)
        except SignError as error:
            raise ArchiveError(
                f"{subject}: the gateways cannot sign requests to S3 ({error}); ask the platform's administrator "
                "to give them credentials, or use an https address"
            ) from None
        url = URL(signed, encoded=True)
        _check_address(url, self._s3_networks)
        return await _get(self._s3, url, until)


def _session(resolver: AbstractResolver, tls: ssl.SSLContext | None) -> aiohttp.ClientSession:
    """Make a session that keeps nothing: no connection, no name, no cookie, no proxy of the environment."""
    connector = aiohttp.TCPConnector(
        resolver=resolver, use_dns_cache=False, force_close=True, ssl=tls if tls is not None else True
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"accept-encoding": "identity", "user-agent": "funclet"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT),
    )


def _check_address(url: URL, allowed: tuple[Network, ...]) -> None:
    """Refuse what no resolver will see. Raises aiohttp.InvalidURL."""
    host = url.raw_host or ""
    if ":" not in host and not host.replace(".", "").isdigit():
        return
    address = address_of(host)
    if address is None or not may_connect(address, allowed):
        raise aiohttp.InvalidURL(url)


async def _get(session: aiohttp.ClientSession, url: URL, until: float) -> aiohttp.ClientResponse:
    async with asyncio.timeout_at(until):
        return await session.get(url, allow_redirects=False)


def _url(source: str) -> URL:
    """Read an address as it stands: a signature in it may be of its very letters."""
    try:
        url = URL(source, encoded=True)
        usable = url.scheme in {"http", "https"} and url.raw_host and url.port
    except ValueError:
        usable = False
    if not usable or _PRINTABLE.fullmatch(source) is None:
        raise ArchiveError("the address of the code must be https://HOST/PATH or s3://BUCKET/KEY")
    if "@" in url.raw_authority:
        raise ArchiveError(f"{_shown(source)}: an address of code must hold no user and no password")
    return url.with_fragment(None)


def _next(url: URL, location: str | None, subject: str) -> URL:
    """Read where a redirect leads."""
    try:
        following = _url(str(url.join(URL(location or "", encoded=True))))
    except (ValueError, ArchiveError):
        following = None
    if not location or following is None or following.scheme != url.scheme:
        raise ArchiveError(
            f"{subject}: it leads to something that is not an {url.scheme} address; write the last address"
        )
    return following


def _shown(source: str) -> str:
    """Give what of an address may stand in a message: after the path come signatures, before the host passwords."""
    try:
        url = URL(source, encoded=True)
        return f"{url.scheme}://{url.raw_host}{url.raw_path}"[:256]
    except ValueError:
        return "the code"


def _refusal(status: int) -> str:
    if status == _NOT_FOUND:
        return "there is no such bucket or object; correct spec.code.zip.s3"
    if status == _FORBIDDEN:
        return (
            "S3 does not give it to the gateways; check that it is there, or ask the platform's administrator "
            "to let their credentials read it"
        )
    return f"S3 answered {status}; try again later"
