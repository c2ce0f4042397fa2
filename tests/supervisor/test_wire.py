"""The parser gives the same for every way of cutting a stream, and never more than its caps."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.supervisor.wire import Body, Head, Reader, WireError, parse_head

HEAD_LIMIT = 2048
BODY_LIMIT = 300

names = st.sampled_from(["a", "X-Thing", "content-type", "host"])
values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=20)
bodies = st.binary(max_size=BODY_LIMIT)


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, bytes, dict[bytes, bytes]]:
    """A request as bytes, with the body and the trailers it has."""
    headers = draw(st.dictionaries(names, values, max_size=3))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    body = draw(bodies)
    if not draw(st.booleans()):
        return f"POST /x HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body, body, {}
    trailers = draw(st.dictionaries(st.sampled_from([b"t-one", b"t-two"]), st.just(b"v"), max_size=2))
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=4)))
    pieces = [
        body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True) if start < end
    ]
    chunks = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    end = b"0\r\n" + b"".join(b"%b: %b\r\n" % item for item in trailers.items()) + b"\r\n"
    return (
        f"POST /x HTTP/1.1\r\n{lines}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks + end,
        body,
        trailers,
    )


def read_all(pieces: list[bytes], limit: int = BODY_LIMIT) -> list[tuple[Head, Body]]:
    """Read whatever requests are in the pieces."""
    reader, found, head = Reader(HEAD_LIMIT), [], None
    for piece in pieces:
        reader.feed(piece)
        while True:
            if head is None:
                head = reader.head()
                if head is None:
                    break
                reader.expect(head, limit)
            body = reader.body()
            if body is None:
                break
            found.append((head, body))
            head = None
    assert reader.idle or head is not None or reader.buffered
    return found


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(st.lists(requests(), min_size=1, max_size=3), st.lists(st.integers(0, 5000), max_size=12))
def test_requests_are_found_wherever_the_stream_is_cut(
    sent: list[tuple[bytes, bytes, dict[bytes, bytes]]], places: list[int]
) -> None:
    stream = b"".join(request for request, _, _ in sent)
    found = read_all(cut(stream, places))
    assert [(body.data, body.trailers) for _, body in found] == [
        (body, trailers) for _, body, trailers in sent
    ]


@given(requests())
def test_requests_are_found_byte_by_byte(sent: tuple[bytes, bytes, dict[bytes, bytes]]) -> None:
    stream, body, _ = sent
    [(head, found)] = read_all([stream[place : place + 1] for place in range(len(stream))])
    assert (head.method, head.target, found.data) == (b"POST", b"/x", body)


@given(st.lists(st.binary(max_size=64), max_size=20))
def test_whatever_comes_is_a_request_or_refused(pieces: list[bytes]) -> None:
    with suppress(WireError):
        read_all(pieces)


@given(requests(), st.integers(0, 5000), st.binary(min_size=1, max_size=3))
def test_a_damaged_request_is_read_or_refused(
    sent: tuple[bytes, bytes, dict[bytes, bytes]], place: int, damage: bytes
) -> None:
    stream = bytearray(sent[0])
    place %= len(stream)
    stream[place : place + len(damage)] = damage
    with suppress(WireError):
        read_all([bytes(stream)])


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"GET /",
        b"GET / HTTP/9.9",
        b"GET / HTTP/2.0",
        b"GET  / HTTP/1.1",
        b"GET / x HTTP/1.1",
        b"POST / HTTP/1.1\r\nContent-Length : 5",
        b"POST / HTTP/1.1\r\nContent-Length: +5",
        b"POST / HTTP/1.1\r\nContent-Length: -1",
        b"POST / HTTP/1.1\r\nContent-Length: 5, 5",
        b"POST / HTTP/1.1\r\nContent-Length: 0x5",
        b"POST / HTTP/1.1\r\nContent-Length: \xb2",
        b"POST / HTTP/1.1\r\nContent-Length: 9999999999999999",
        b"POST / HTTP/1.1\r\nContent-Length:",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked",
        b"GET / HTTP/1.1\r\nno colon",
        b"GET / HTTP/1.1\r\n: empty name",
        b"GET / HTTP/1.1\r\nA: b\r\n folded",
        b"GET / HTTP/1.1\r\nA: b\nB: c",
        b"GET / HTTP/1.1\r\nA: b\rc",
        b"GET / HTTP/1.1\r\nA: b\x00c",
        b"GET / HTTP/1.1\r\nA: b\x1bc",
        b"GET / HTTP/1.1\r\nA\x80: b",
    ],
)
def test_what_two_readers_could_read_differently_is_refused(block: bytes) -> None:
    with pytest.raises(WireError):
        parse_head(block)


@pytest.mark.parametrize(
    "chunks",
    [
        b"-1\r\n",
        b"g\r\n",
        b"\r\n",
        b"5 5\r\nhello\r\n",
        b"3\r\nhello\r\n",
        b"1\n\r\n",
        b"1;\x00\r\na\r\n",
        b"f" * 16 + b"\r\n",
        b"1" * 2000,
        b"0\r\nt: a\nb\r\n\r\n",
        b"0\r\n" + b"t" * 3000,
    ],
)
def test_chunks_that_cannot_be_are_refused(chunks: bytes) -> None:
    with pytest.raises(WireError):
        read_all([b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks])


@pytest.mark.parametrize("step", [1, 7, 5000])
def test_a_head_over_its_cap_is_refused(step: int) -> None:
    stream = b"GET / HTTP/1.1\r\nA: " + b"a" * (HEAD_LIMIT + 10)
    with pytest.raises(WireError) as caught:
        read_all([stream[place : place + step] for place in range(0, len(stream), step)])
    assert caught.value.status == 431


@pytest.mark.parametrize("step", [1, 11, 5000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_its_cap_is_read_off_and_not_kept(step: int, *, chunked: bool) -> None:
    body = b"x" * (BODY_LIMIT + 1)
    if chunked:
        stream = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (
            len(body),
            body,
        )
    else:
        stream = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    stream += b"GET /after HTTP/1.1\r\n\r\n"
    (_, first), (after, _) = read_all([stream[place : place + step] for place in range(0, len(stream), step)])
    assert (first.overflow, first.data, after.target) == (True, b"", b"/after")


@pytest.mark.parametrize(
    ("block", "keep"),
    [
        (b"GET / HTTP/1.1", True),
        (b"GET / HTTP/1.0", False),
        (b"GET / HTTP/1.1\r\nConnection: close", False),
        (b"GET / HTTP/1.1\r\nConnection: Close", False),
    ],
)
def test_who_closes_is_told_by_the_head(block: bytes, *, keep: bool) -> None:
    assert parse_head(block).keep_alive is keep
