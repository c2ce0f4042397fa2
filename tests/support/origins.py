"""Servers that archives come from, names that lead to them, and an S3 that believes only what is signed."""

import asyncio
import hmac
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import AF_INET, AF_UNSPEC, AddressFamily
from urllib.parse import unquote

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")


@asynccontextmanager
async def site(handler: Handler, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve every path by one handler on loopback; gives the port."""
    app = web.Application(handler_args={"auto_decompress": False})
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def bytes_site(answer: bytes, *, then: float = 0.0) -> AsyncIterator[int]:
    """Answer every request with these bytes, a byte each `then` seconds where given, and hang up; gives the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            for piece in [answer[i : i + 1] for i in range(len(answer))] if then else [answer]:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(then)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class Names(AbstractResolver):
    """A resolver with its own names; it counts how often each was asked for."""

    def __init__(self, names: Mapping[str, list[str]]) -> None:
        self.names = {name: list(addresses) for name, addresses in names.items()}
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asked.append(host)
        del family
        if host not in self.names:
            raise OSError(-2, "Name or service not known")
        return [
            ResolveResult(hostname=host, host=each, port=port, family=AF_INET, proto=0, flags=0)
            for each in self.names[host]
        ]

    async def close(self) -> None:
        """Nothing is open."""


class Authority:
    """A certificate for one name, a server's context with it, and a client's that trusts it."""

    def __init__(self, folder: Path, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        file = folder / "both.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + pem
        )
        #: the names that clients asked for in their first message
        self.indicated: list[str | None] = []
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(file)
        self.server.sni_callback = self._indicate
        self.client = ssl.create_default_context(cadata=pem.decode())

    def _indicate(self, _socket: object, name: str | None, _context: ssl.SSLContext) -> None:
        self.indicated.append(name)


class SignedS3:
    """Answers GetObject to who signed the request with its key, as S3 does; the oracle is botocore's own signer."""

    def __init__(self, key: str, secret: str, *, region: str = "us-east-1") -> None:
        self._credentials = Credentials(key, secret)
        self._region = region
        self.objects: dict[tuple[str, str], bytes] = {}
        #: what was answered
        self.statuses: list[int] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request with the bucket in the path."""
        status, body, headers = self._found(request)
        self.statuses.append(status)
        return web.Response(status=status, body=body, headers=headers)

    def _found(self, request: web.Request) -> tuple[int, bytes, dict[str, str]]:
        _, bucket, key = request.raw_path.partition("?")[0].split("/", 2)
        scope = request.query.get("X-Amz-Credential", "").split("/")
        if scope[2:3] != [self._region]:
            return 400, b"<Error/>", {"x-amz-bucket-region": self._region}
        if not hmac.compare_digest(self._signature(request), request.query.get("X-Amz-Signature", "")):
            return 403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>", {}
        found = self.objects.get((bucket, unquote(key)))
        return (404, b"<Error><Code>NoSuchKey</Code></Error>", {}) if found is None else (200, found, {})

    def _signature(self, request: web.Request) -> str:
        path, _, query = request.raw_path.partition("?")
        signed = "&".join(part for part in query.split("&") if not part.startswith("X-Amz-Signature="))
        asked = AWSRequest("GET", f"http://{request.headers['host']}{path}?{signed}")
        asked.context["timestamp"] = request.query["X-Amz-Date"]
        auth = S3SigV4QueryAuth(self._credentials, "s3", self._region)
        text: str = auth.string_to_sign(asked, auth.canonical_request(asked))
        return str(auth.signature(text, asked))
