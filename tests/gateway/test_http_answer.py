"""Answers as they come off a connection: whole ones are given, and none takes more memory than it may."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.gateway.http_answer import Answered, AnswerReader, NoAnswerError, OversizedError

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LINES = b"".join(b"x-%03d: %s\r\n" % (number, b"y" * 1000) for number in range(32))


@given(st.data())
def test_an_answer_is_the_same_in_whatever_pieces_it_comes(data: st.DataObject) -> None:
    whole = CHUNKED + b"3\r\nabc\r\n2;an=extension\r\nde\r\n0\r\nx-trailer: 1\r\n\r\n"
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=8)))
    reader = AnswerReader()
    reader.expect()
    *before, last = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert [reader.feed(piece) for piece in before] == [None] * len(before)
    headers = {b"transfer-encoding": b"chunked", b"x-trailer": b"1"}
    assert reader.feed(last) == Answered(200, headers, b"abcde")
    assert reader.may_go_on


def heads() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield LINES


def trailers() -> Iterator[bytes]:
    yield CHUNKED + b"1\r\nx\r\n0\r\n"
    while True:
        yield LINES


def extensions() -> Iterator[bytes]:
    yield CHUNKED
    while True:
        yield b"1;" + b"e" * 60_000 + b"\r\nx\r\n"


def bodies() -> Iterator[bytes]:
    yield CHUNKED
    while True:
        yield b"10000\r\n" + b"x" * 0x10000 + b"\r\n"


@pytest.mark.parametrize("pieces", [heads, trailers, extensions, bodies])
def test_what_never_ends_is_refused(pieces: Callable[[], Iterator[bytes]]) -> None:
    reader, endless = AnswerReader(), pieces()
    reader.expect()
    with pytest.raises((NoAnswerError, OversizedError)):
        fed_within(reader, endless, 30 * 1024 * 1024)
    assert sum(map(len, reader._headers.values())) < 100_000


def fed_within(reader: AnswerReader, pieces: Iterator[bytes], most: int) -> None:
    """Feed until something is raised, or so many bytes were taken."""
    fed = 0
    while fed < most:
        piece = next(pieces)
        fed += len(piece)
        assert reader.feed(piece) is None
