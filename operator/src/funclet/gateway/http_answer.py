"""HTTP answers as they come off a connection, one at a time; capped in bytes, since whoever sends them is not trusted."""

from collections.abc import Mapping
from dataclasses import dataclass

import httptools

from funclet.lambda_api.invoke import RESPONSE_LIMIT

#: bytes of a head with its trailers
_HEAD_LIMIT = 64 * 1024
#: bytes of an answer as it comes, in chunks of whatever size and with whatever extensions
_FED_LIMIT = 4 * RESPONSE_LIMIT


class NoAnswerError(Exception):
    """What came is not HTTP, or its head never ends."""


class OversizedError(Exception):
    """The body is larger than any may be."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A whole answer; header names in lower case."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes


class AnswerReader:
    """Reads the answers of one connection; `feed` gives each when it is whole."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._keep_alive = True
        self._headers: dict[bytes, bytes] = {}
        self._chunks: list[bytes] = []
        self._size = self._head_size = self._fields_size = self._fed = 0
        self._complete = self._surplus = False
        self._status = 0

    @property
    def may_go_on(self) -> bool:
        """Whether the connection may be used again after the answer that came last."""
        return self._keep_alive and not self._surplus

    def expect(self) -> None:
        """Be ready for the next answer."""
        self._headers = {}
        self._chunks = []
        self._size = self._head_size = self._fields_size = self._fed = 0
        self._complete = False

    def feed(self, data: bytes) -> Answered | None:
        """Take what came; None: the answer is not whole yet. Raises NoAnswerError, OversizedError."""
        if not self._size:
            self._head_size += len(data)
        self._fed += len(data)
        if self._fed > _FED_LIMIT:
            raise NoAnswerError("what frames the answer is larger than it")
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise NoAnswerError(f"not an HTTP answer: {error}") from error
        if self._size > RESPONSE_LIMIT:
            raise OversizedError("the answer is longer than any may be")
        if self._complete:
            body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
            self._chunks = []
            return Answered(self._status, self._headers, body)
        if max(self._fields_size, 0 if self._size else self._head_size) > _HEAD_LIMIT:
            raise NoAnswerError("the head of the answer is too large")
        return None

    def on_message_begin(self) -> None:
        """Note a second answer behind the first (httptools)."""
        self._surplus = self._complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header (httptools)."""
        # Trailers come here too.
        self._fields_size += len(name) + len(value)
        if not self._complete and self._fields_size <= _HEAD_LIMIT:
            self._headers[name.lower()] = value

    def on_body(self, chunk: bytes) -> None:
        """Collect a piece of the body (httptools); past the cap only its size is kept."""
        self._size += len(chunk)
        if self._size <= RESPONSE_LIMIT and not self._complete:
            self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        """Note the end of the answer (httptools), while the parser still knows of its headers."""
        if not self._complete:
            self._complete = True
            self._status = self._parser.get_status_code()
            self._keep_alive = self._parser.should_keep_alive()
