"""HTTP/1.1 requests out of a byte stream, cut anywhere. Pure: bytes in, values out; nothing grows past its cap.

Strict where two readers could differ (lengths, line ends, names), because what comes from a runtime process
is hostile.
"""

from __future__ import annotations

#: the length of a body that is sent in chunks
CHUNKED = -1
CHUNK_LINE_LIMIT = 1024

_TOKEN = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VISIBLE = b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
_HEX = b"0123456789abcdefABCDEF"
_LONGEST_LENGTH = 15
#: how many header lines a head may have
_MOST_LINES = 256
_TOLD_ONCE = {b"content-length", b"transfer-encoding"}
#: names that were checked before: the same few come with every request
_names: dict[bytes, bytes] = {}
_NAMES_KEPT, _NAME_KEPT = 128, 64
#: how long a head may be that is kept until the next one
_BLOCK_KEPT = 4096


#: stands for no head yet
_NO_BLOCK = b"NO / HTTP/1.1"


class WireError(Exception):
    """The stream cannot be read on; `status` is the answer's, and the connection is to be closed."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Head:
    """The head of one request. Header names are lower-case bytes, values are without blanks around them."""

    __slots__ = ("headers", "keep_alive", "length", "method", "target")

    def __init__(
        self, method: bytes, target: bytes, headers: dict[bytes, bytes], length: int, *, keep_alive: bool
    ) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.length = length
        self.keep_alive = keep_alive


class Body:
    """A whole body. `overflow` says that it was longer than its cap; `data` is then empty."""

    __slots__ = ("data", "overflow", "trailers")

    def __init__(
        self, data: bytes, trailers: dict[bytes, bytes] | None = None, *, overflow: bool = False
    ) -> None:
        self.data = data
        self.trailers = trailers or {}
        self.overflow = overflow


def parse_head(block: bytes) -> Head:
    """Parse a request's head, without the blank line that ends it. Raises WireError."""
    lines = block.split(b"\r\n")
    _only_whole_lines(block, len(lines))
    request = lines[0].split(b" ")
    if len(request) != 3 or not request[0] or not request[1] or request[2] not in {b"HTTP/1.1", b"HTTP/1.0"}:  # noqa: PLR2004 - method, target, version
        raise WireError("not an HTTP/1.1 request line")
    headers = _fields(lines[1:])
    connection = headers.get(b"connection")
    keep_alive = request[2] == b"HTTP/1.1" and (connection is None or b"close" not in connection.lower())
    return Head(request[0], request[1], headers, _length(headers), keep_alive=keep_alive)


def _only_whole_lines(block: bytes, lines: int) -> None:
    if lines > _MOST_LINES:
        raise WireError("too many header lines", 431)
    if block.translate(None, _VISIBLE) != b"\r\n" * (lines - 1):
        raise WireError("a control character in the head")


def _fields(lines: list[bytes]) -> dict[bytes, bytes]:
    fields: dict[bytes, bytes] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon:
            raise WireError("not a header line")
        name = _names.get(name) or _header_name(name)
        if name in fields and name in _TOLD_ONCE:
            raise WireError("a length told twice")
        fields[name] = value.strip(b" \t")
    return fields


def _header_name(name: bytes) -> bytes:
    if not name or name.translate(None, _TOKEN):
        raise WireError("not a header line")
    lower = name.lower()
    if len(_names) < _NAMES_KEPT and len(name) <= _NAME_KEPT:
        _names[name] = lower
    return lower


def _length(headers: dict[bytes, bytes]) -> int:
    told = headers.get(b"content-length")
    coding = headers.get(b"transfer-encoding")
    if coding is not None:
        if told is not None or coding.lower() != b"chunked":
            raise WireError("a transfer coding that is not chunked alone")
        return CHUNKED
    if told is None:
        return 0
    if not told.isdigit() or len(told) > _LONGEST_LENGTH:
        raise WireError("not a content-length")
    return int(told)


class _CountedBody:
    """A body of a told length."""

    def __init__(self, length: int, limit: int) -> None:
        self._left = length
        self._overflow = length > limit
        self._data = bytearray()

    @property
    def kept(self) -> int:
        """How many bytes are kept."""
        return len(self._data)

    def feed(self, data: bytes) -> bytes | None:
        """Take what belongs to the body. Returns what follows it, None if it is not yet whole."""
        mine = data if len(data) <= self._left else data[: self._left]
        self._left -= len(mine)
        if not self._overflow:
            self._data += mine
        return None if self._left else data[len(mine) :]

    def whole(self) -> Body:
        """The body, once `feed` has returned what follows it."""
        return Body(bytes(self._data), overflow=self._overflow)


class _ChunkedBody:
    """A body in chunks, with trailers."""

    def __init__(self, limit: int, trailer_limit: int) -> None:
        self._limit = limit
        self._trailer_limit = trailer_limit
        self._overflow = False
        self._data = bytearray()
        self._rest = b""
        self._at = 0
        self._left = 0
        self._step = self._size_line
        self._trailers: dict[bytes, bytes] = {}
        self._done = False

    @property
    def kept(self) -> int:
        """As _CountedBody.kept."""
        return len(self._data) + len(self._rest)

    def feed(self, data: bytes) -> bytes | None:
        """As _CountedBody.feed. Raises WireError."""
        self._rest += data
        self._at = 0
        while self._step():
            pass
        self._rest = self._rest[self._at :]
        return self._rest if self._done else None

    def whole(self) -> Body:
        """As _CountedBody.whole."""
        return Body(bytes(self._data), self._trailers, overflow=self._overflow)

    def _size_line(self) -> bool:
        end = self._rest.find(b"\r\n", self._at, self._at + CHUNK_LINE_LIMIT)
        if end < 0:
            if len(self._rest) - self._at >= CHUNK_LINE_LIMIT:
                raise WireError("a chunk's size line is too long")
            return False
        line = self._rest[self._at : end]
        size = line.partition(b";")[0].rstrip(b" \t")
        if (
            not size
            or size.translate(None, _HEX)
            or len(size) > _LONGEST_LENGTH
            or line.translate(None, _VISIBLE)
        ):
            raise WireError("not a chunk size")
        self._at = end + 2
        self._left = int(size, 16)
        self._step = self._chunk if self._left else self._trailer_block
        return True

    def _chunk(self) -> bool:
        part = self._rest[self._at : self._at + self._left]
        if len(self._data) + len(part) > self._limit:
            self._overflow = True
            self._data.clear()
        if not self._overflow:
            self._data += part
        self._left -= len(part)
        self._at += len(part)
        if self._left:
            return False
        self._step = self._chunk_end
        return True

    def _chunk_end(self) -> bool:
        end = self._rest[self._at : self._at + 2]
        if not b"\r\n".startswith(end):
            raise WireError("a chunk is longer than its size")
        if len(end) < 2:  # noqa: PLR2004 - CR and LF
            return False
        self._at += 2
        self._step = self._size_line
        return True

    def _trailer_block(self) -> bool:
        if self._rest.startswith(b"\r\n", self._at):
            self._at += 2
            self._done = True
            return False
        end = self._rest.find(b"\r\n\r\n", self._at)
        if end < 0 or end - self._at > self._trailer_limit:
            if len(self._rest) - self._at > self._trailer_limit:
                raise WireError("the trailers are too long", 431)
            return False
        block = self._rest[self._at : end]
        lines = block.split(b"\r\n")
        _only_whole_lines(block, len(lines))
        self._trailers = _fields(lines)
        self._at = end + 4
        self._done = True
        return False


class Reader:
    """Cuts what `feed` was given into heads and bodies, which are asked for in turn."""

    def __init__(self, head_limit: int) -> None:
        self._head_limit = head_limit
        self._rest = b""
        self._searched = 0
        self._body: _CountedBody | _ChunkedBody | None = None
        self._whole: Body | None = None
        self._last_block = _NO_BLOCK
        self._last = parse_head(_NO_BLOCK)

    def feed(self, data: bytes) -> None:
        """Take what was received. Raises WireError."""
        if self._body is None:
            self._rest = self._rest + data if self._rest else data
        else:
            self._take(data)

    @property
    def idle(self) -> bool:
        """Whether the stream stands between two requests."""
        return not self._rest and self._body is None and self._whole is None

    @property
    def buffered(self) -> int:
        """How many bytes wait that belong to no request yet asked for."""
        return len(self._rest)

    @property
    def kept(self) -> int:
        """How many bytes wait, those of a body under way among them."""
        return len(self._rest) if self._body is None else self._body.kept

    def head(self) -> Head | None:
        """Return the next request's head, None if it is not yet whole. Raises WireError."""
        end = self._rest.find(b"\r\n\r\n", self._searched)
        if end < 0:
            if len(self._rest) > self._head_limit:
                raise WireError("the head is too long", 431)
            self._searched = max(0, len(self._rest) - 3)
            return None
        if end > self._head_limit:
            raise WireError("the head is too long", 431)
        block = self._rest[:end]
        head = self._last if block == self._last_block else parse_head(block)
        if not head.length and end <= _BLOCK_KEPT:
            # A runtime asks for each event in the same words.
            self._last, self._last_block = head, block
        self._rest = self._rest[end + 4 :]
        self._searched = 0
        return head

    def expect(self, head: Head, limit: int) -> None:
        """Go on with the body of `head`, of which at most `limit` bytes are kept. Raises WireError."""
        length = head.length
        rest = self._rest
        if 0 <= length <= len(rest) and length <= limit:
            self._whole = Body(rest[:length])
            self._rest = rest[length:]
            return
        self._body = (
            _ChunkedBody(limit, self._head_limit) if length == CHUNKED else _CountedBody(length, limit)
        )
        self._rest = b""
        self._take(rest)

    def body(self) -> Body | None:
        """Return the body that was expected, None if it is not yet whole."""
        whole = self._whole
        self._whole = None
        return whole

    def _take(self, data: bytes) -> None:
        if self._body is None:  # pragma: no cover - feed and expect see to it
            return
        rest = self._body.feed(data)
        if rest is not None:
            self._whole = self._body.whole()
            self._body = None
            self._rest = rest
