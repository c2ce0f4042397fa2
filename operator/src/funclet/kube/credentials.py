"""Who we are to an API server, and how it is reached: for whoever speaks HTTP by itself."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from funclet.kube.config import InPod, NoClusterError, Source

if TYPE_CHECKING:
    from kubernetes.aio.client import Configuration

_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True, slots=True)
class Credentials:
    """One user of one API server, as a kubeconfig's context says it, or a pod."""

    #: `http(s)://HOST[:PORT][/PREFIX]`
    server: str
    #: trusts the server's authority and holds the client's certificate, if there is one; None for plain HTTP
    tls: ssl.SSLContext | None
    #: the name that the server's certificate must have; None: its host's
    server_name: str | None
    #: URL of an HTTP proxy
    proxy: str | None
    #: the header `Authorization`, if there is one
    authorization: str | None = field(repr=False)
    #: name of the context; empty in a pod
    context: str
    #: where its objects are, unless somebody says otherwise
    namespace: str

    @property
    def token(self) -> str | None:
        """The bearer token, where that is how the server knows us."""
        scheme, _, token = (self.authorization or "").partition(" ")
        return token.strip() or None if scheme == "Bearer" else None


async def find_credentials(source: Source) -> Credentials:
    """Read them, asking a credential plugin where there is one; nothing is sent. Raises NoClusterError."""
    from funclet.kube.connection import load  # noqa: PLC0415  # 0.15 s that a laptop has no use for

    loaded = await load(source)
    configuration, context = loaded.configuration, loaded.context
    server = str(configuration.host)
    try:
        tls = _tls(configuration) if server.startswith("https:") else None
    except (OSError, ValueError) as error:
        raise NoClusterError(f"the certificates for {server} cannot be used: {error}") from error
    return Credentials(
        server=server,
        tls=tls,
        server_name=configuration.tls_server_name or None,
        proxy=configuration.proxy or _proxy(server),
        authorization=configuration.api_key.get("BearerToken"),
        context=str(context.get("name", "")),
        namespace=_pod_namespace() if isinstance(source, InPod) else _namespace(context),
    )


def _tls(configuration: "Configuration") -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    # As kubectl does: see `load`.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _proxy(server: str) -> str | None:
    """The proxy that the environment names for this server, as kubectl reads it."""
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415  # as above

    parts = urlsplit(server)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


def _namespace(context: Any) -> str:
    return str((context.get("context") or {}).get("namespace") or "default")


def _pod_namespace() -> str:
    try:
        return _POD_NAMESPACE.read_text("utf-8").strip() or "default"
    except OSError:
        return "default"
