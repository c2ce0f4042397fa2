"""Plain HTTP to one address, with the standard library alone: a command must start fast."""

import http.client
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from funclet.cli.errors import CliError, Exit

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 60.0


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
            while line := self._line(response, seconds):
                yield line

    def _line(self, response: http.client.HTTPResponse, seconds: float | None) -> bytes:
        with self._told(seconds):
            return response.readline()

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
        connection = _connection(self.url)
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
    return kind(host, port, timeout=_CONNECT_SECONDS)
