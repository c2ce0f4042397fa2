"""Just enough of an HTTP client for two requests within the cluster: no redirects, nothing without a cap."""

from __future__ import annotations

from _socket import IPPROTO_TCP, SOCK_STREAM, TCP_NODELAY, getaddrinfo, socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from funclet.supervisor.pod_settings import Url

_HEAD_LIMIT = 16 * 1024
_PIECE = 256 * 1024


class HttpError(Exception):
    """There was no answer, or one that cannot be understood."""


class Exchange:
    """One request on a connection of its own. All methods raise HttpError or OSError, and block."""

    def __init__(self, url: Url, method: str, headers: dict[str, str], body: bytes, timeout: float) -> None:
        """Send the request; `timeout` in seconds holds for each step."""
        told = {"host": url.authority, "connection": "close", "content-length": str(len(body)), **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        self._socket = _dial(url, timeout)
        self._socket.sendall(f"{method} {url.target} HTTP/1.1\r\n{lines}\r\n".encode() + body)
        self._rest = b""
        #: of the body, once the head is there; None if it does not tell
        self.length: int | None = None

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def status(self) -> int:
        """Wait for the answer's head. Returns its status."""
        head = b""
        while b"\r\n\r\n" not in head:
            piece = self._socket.recv(_PIECE)
            head += piece
            if not piece or len(head) > _HEAD_LIMIT + _PIECE:
                raise HttpError("the answer has no head")
        head, _, self._rest = head.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        version, _, told = first.partition(b" ")
        if version not in {b"HTTP/1.1", b"HTTP/1.0"} or not told[:3].isdigit():
            raise HttpError("the answer is not HTTP")
        for line in lines:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length" and value.strip().isdigit():
                self.length = int(value)
        return int(told[:3])

    def piece(self) -> bytes:
        """Return some more of the body; empty at the end of the connection."""
        rest, self._rest = self._rest, b""
        return rest or self._socket.recv(_PIECE)


def _dial(url: Url, timeout: float) -> socket:
    failure: OSError = OSError("no address")
    # As bytes, or the name would be put through IDNA, whose modules are large.
    for family, kind, protocol, _, address in getaddrinfo(url.host.encode(), url.port, 0, SOCK_STREAM):
        connection = socket(family, kind, protocol)
        connection.settimeout(timeout)
        try:
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
            continue
        connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        return connection
    raise failure
