"""The strict subset of HTTP/1.1 that the fast lane reads itself; pure.

One regular expression says what a good head is. Whatever it does not match goes to aiohttp, which knows
more forms and refuses the bad ones.
"""

import re
from typing import NamedTuple

END = b"\r\n\r\n"

# Possessive quantifiers: no input makes it try twice.
_HEAD = re.compile(
    rb"POST (/[!-~]*+) HTTP/1\.1\r\n"
    rb"((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[\t -~\x80-\xff]*+\r\n)*+)\r\n"
)
_FIELD = re.compile(rb"([^:\r\n]++):[\t ]*+([^\r\n]*+)\r\n")
_BARE_LF = re.compile(rb"(?<!\r)\n")
_LENGTH = re.compile(rb"[0-9]{1,15}")
#: what changes how a body is framed, or what the connection becomes
_BEYOND = frozenset(
    {b"transfer-encoding", b"upgrade", b"te", b"trailer", b"http2-settings", b"proxy-connection"}
)


class Head(NamedTuple):
    """A request that the fast lane serves."""

    target: bytes
    #: names in lower case, each once
    headers: dict[bytes, bytes]
    #: of the body, in bytes
    length: int
    keep_alive: bool
    #: the client waits for 100 before it sends the body
    expects: bool


def may_become(beginning: bytes, data: bytes | bytearray, known: int = 0) -> bool:
    """Whether bytes without an end of head in them may still become a request that begins so and is read here.

    The first `known` bytes were found to be such: a head that comes byte by byte is not read anew each time.
    """
    if not data.startswith(beginning) and not beginning.startswith(data):
        return False
    return _BARE_LF.search(data, known) is None


def parse(data: bytes) -> Head | None:
    """Return the head that ends where `data` ends; None: it is aiohttp's."""
    match = _HEAD.fullmatch(data)
    if match is None:
        return None
    fields = _FIELD.findall(match[2])
    headers = {name.lower(): value.rstrip(b"\t ") for name, value in fields}
    # A name twice may mean two lengths or two hosts: a stranger's business.
    if len(headers) != len(fields) or b"host" not in headers or not _BEYOND.isdisjoint(headers):
        return None
    length = headers.get(b"content-length", b"0")
    connection = headers.get(b"connection", b"keep-alive").lower()
    expect = headers.get(b"expect", b"").lower()
    if (
        _LENGTH.fullmatch(length) is None
        or connection not in {b"keep-alive", b"close"}
        or expect not in {b"", b"100-continue"}
    ):
        return None
    return Head(match[1], headers, int(length), connection == b"keep-alive", bool(expect))
