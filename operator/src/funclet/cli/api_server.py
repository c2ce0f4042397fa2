"""Plain HTTP to a real API server, as the kubeconfig says: its authority, our certificate, a proxy on the way."""

import base64
import http.client
import socket
import ssl
from functools import partial
from urllib.parse import unquote, urlsplit

from funclet.cli.errors import CliError, Exit
from funclet.cli.http import CONNECT_SECONDS, Server
from funclet.kube.credentials import Credentials

#: seconds of silence after which the system asks whether the other side is still there
_SILENCE = 30


def api_server(credentials: Credentials, missing: str) -> Server:
    """The API server; `missing` is what to say when it does not answer."""
    headers = {"Authorization": credentials.authorization} if credentials.authorization else {}
    return Server(credentials.server, missing, headers, partial(_connection, credentials))


def _connection(credentials: Credentials) -> http.client.HTTPConnection:
    where = urlsplit(credentials.server)
    host, port = where.hostname or "", where.port
    if credentials.proxy is None:
        return _plain_or_tls(host, port, credentials)
    proxy = urlsplit(credentials.proxy)
    if proxy.scheme != "http" or not proxy.hostname:
        raise CliError(
            f"The proxy {credentials.proxy} cannot be used: only http://HOST:PORT can.", Exit.USAGE
        )
    connection = _plain_or_tls(proxy.hostname, proxy.port or 80, credentials, behind=host)
    # Its default depends on the class, and the tunnel's other end may speak plain HTTP.
    end = port or (443 if where.scheme == "https" else 80)
    connection.set_tunnel(host, end, _proxy_authorization(proxy.username, proxy.password))
    return connection


def _proxy_authorization(user: str | None, password: str | None) -> dict[str, str]:
    if user is None:
        return {}
    told = base64.b64encode(f"{unquote(user)}:{unquote(password or '')}".encode()).decode()
    return {"Proxy-Authorization": f"Basic {told}"}


def _plain_or_tls(
    host: str, port: int | None, credentials: Credentials, behind: str | None = None
) -> http.client.HTTPConnection:
    """A connection to the host, and over TLS to what is `behind` it, or to itself."""
    if credentials.tls is None:
        return _Lasting(host, port, timeout=CONNECT_SECONDS)
    return _Tls(host, port, credentials.tls, credentials.server_name or behind or host)


class _Lasting(http.client.HTTPConnection):
    """A connection that is found out to be dead though nothing is sent, as while a log is followed."""

    def connect(self) -> None:
        super().connect()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _SILENCE)


class _Tls(_Lasting):
    """The same over TLS, begun after a proxy's tunnel; the other side must be known as `name`."""

    default_port = http.client.HTTPS_PORT

    def __init__(self, host: str, port: int | None, tls: ssl.SSLContext, name: str) -> None:
        super().__init__(host, port, timeout=CONNECT_SECONDS)
        self._tls = tls
        self._name = name

    def connect(self) -> None:
        super().connect()
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)
