"""Plain HTTP to one address, with the standard library alone: a command must start fast."""

import http.client
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from funclet.cli.errors import CliError, Exit

CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 60.0
#: bytes read at once of an answer in lines
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class UnreachableError(CliError):
    """Nothing answers at the address, or what did went away."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Exit.UNREACHABLE)


class SilentError(UnreachableError):
    """What answers at the address did not do so in time."""


@dataclass(frozen=True, slots=True)
class Server:
    """One address: `url` is http(s)://HOST[:PORT][/PREFIX]; `missing` is what to say when nothing listens there."""

    url: str
    missing: str
    headers: Mapping[str, str]
    #: makes a connection to the address, not open yet; None: a plain one
    connecting: Callable[[], http.client.HTTPConnection] | None = None

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | None] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        seconds: float = _ANSWER_SECONDS,
    ) -> Answer:
        """Send one request and read the whole answer; `seconds` bounds each wait. Raises UnreachableError."""
        with closing(self._connect()) as connection, self._told(seconds):
            connection.sock.settimeout(seconds)
            target = urlsplit(self.url).path.rstrip("/") + path + _query(query)
            connection.request(method, target, body=body, headers={**self.headers, **(headers or {})})
            return _whole(connection.getresponse())

    def lines(
        self, path: str, *, query: Mapping[str, str | None] | None = None, seconds: float | None = None
    ) -> Iterator[bytes | Answer]:
        """GET: the lines of the answer as they come, or, where its status is not 200, the answer alone."""
        with closing(self._connect()) as connection:
            with self._told(seconds):
                connection.sock.settimeout(seconds)
                target = urlsplit(self.url).path.rstrip("/") + path + _query(query)
                connection.request("GET", target, headers=dict(self.headers))
                response = connection.getresponse()
                if response.status != http.client.OK:
                    yield _whole(response)
                    return
            rest = b""
            while piece := self._piece(response, seconds):
                *whole, rest = (rest + piece).split(b"\n")
                yield from (line + b"\n" for line in whole)
            if rest:
                yield rest

    def _piece(self, response: http.client.HTTPResponse, seconds: float | None) -> bytes:
        # Not `readline`: it takes a chunked answer that breaks off for one that is whole.
        with self._told(seconds):
            return response.read1(_PIECE)

    @contextmanager
    def _told(self, seconds: float | None) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise SilentError(f"{self.url} did not answer within {seconds or 0:.0f} s.") from error
        except (http.client.HTTPException, OSError) as error:
            why = str(error) or type(error).__name__
            raise UnreachableError(
                f"The connection to {self.url} broke before the answer was whole: {why}."
            ) from error

    def _connect(self) -> http.client.HTTPConnection:
        connection = _connection(self.url) if self.connecting is None else self.connecting()
        try:
            connection.connect()
        except OSError as error:
            detail = "" if isinstance(error, ConnectionRefusedError) else f" ({error})"
            raise UnreachableError(self.missing + detail) from error
        return connection


def _whole(response: http.client.HTTPResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())


def _query(query: Mapping[str, str | None] | None) -> str:
    given = {name: value for name, value in (query or {}).items() if value is not None}
    return f"?{urlencode(given)}" if given else ""


def _connection(url: str) -> http.client.HTTPConnection:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise CliError(f"{url!r} is not an address: {error}.", Exit.USAGE) from error
    if parts.scheme not in {"http", "https"} or not host:
        raise CliError(f"{url!r} is not an address; it looks like http://127.0.0.1:8700.", Exit.USAGE)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(host, port, timeout=CONNECT_SECONDS)
