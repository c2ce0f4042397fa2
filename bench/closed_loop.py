"""A closed-loop load generator: `c` kept-alive connections, each with one request under way, on one thread."""

import selectors
import socket
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Address = tuple[str, int] | str
"""Host and port, or the path of a Unix socket."""

_TIMEOUT_SECONDS = 30.0
_READ = 1 << 16


@dataclass(frozen=True, slots=True)
class Load:
    """What one run measured: seconds, and seconds of each request."""

    seconds: float
    latencies: Sequence[float]
    failed: int

    @property
    def per_second(self) -> float:
        """Answered requests per second."""
        return len(self.latencies) / self.seconds

    def quantile(self, q: float) -> float:
        """A quantile of the latencies, in milliseconds."""
        return 1000 * statistics.quantiles(self.latencies, n=1000, method="inclusive")[round(q * 1000) - 1]


class _Connection:
    """One connection; it knows when its answer is whole from Content-Length alone."""

    def __init__(self, address: Address, skip_line: bool) -> None:  # noqa: FBT001  # private
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(_TIMEOUT_SECONDS)
        self.socket.connect(address)
        if family == socket.AF_INET:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while skip_line and self.socket.recv(1) != b"\n":
            pass
        self.sent = 0.0
        self.buffer = b""

    def send(self, request: bytes) -> None:
        self.sent = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bytes | None:
        """The status line's code once the answer is whole."""
        data = self.socket.recv(_READ)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return None
        at = head.lower().find(b"\r\ncontent-length:")
        length = int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(body) < length:
            return None
        self.buffer = body[length:]
        return head[9:12]


def run(
    address: Address,
    request: Callable[[int], bytes],
    *,
    connections: int,
    seconds: float,
    greeting: bool = False,
) -> Load:
    """Send requests for so many seconds; `request` gets a running number. With `greeting`, a line is read first."""
    opened = [_Connection(address, greeting) for _ in range(connections)]
    latencies: list[float] = []
    failed = number = 0
    with selectors.DefaultSelector() as selector:
        for connection in opened:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send(request(number))
            number += 1
        begin = time.perf_counter()
        end = begin + seconds
        under_way = connections
        while under_way:
            # One connection alone needs no selector: reading waits for it.
            ready = opened if connections == 1 else [key.data for key, _ in selector.select(_TIMEOUT_SECONDS)]
            for connection in ready:
                if (status := connection.receive()) is None:
                    continue
                now = time.perf_counter()
                if status == b"200":
                    latencies.append(now - connection.sent)
                else:
                    failed += 1
                if now < end:
                    connection.send(request(number))
                    number += 1
                else:
                    under_way -= 1
        took = time.perf_counter() - begin
    for connection in opened:
        connection.socket.close()
    return Load(took, latencies, failed)
