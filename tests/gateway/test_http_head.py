import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.gateway.http_head import may_become, parse
from funclet.lambda_api.invoke import PREFIX
from support.gateway import invoke_bytes

BEGINNING = b"POST " + PREFIX
GOOD = invoke_bytes(body=b"", headers={"X-Amz-Log-Type": "Tail"})


def with_header(line: bytes) -> bytes:
    return GOOD[:-2] + line + b"\r\n"


def test_a_good_head_is_read() -> None:
    head = parse(GOOD)
    assert head is not None
    assert head.target == b"/2015-03-31/functions/hello/invocations"
    assert head.headers == {b"host": b"localhost", b"content-length": b"0", b"x-amz-log-type": b"Tail"}
    assert (head.length, head.keep_alive, head.expects) == (0, True, False)


def test_space_around_a_value_is_not_part_of_it() -> None:
    head = parse(with_header(b"x-a:\t v w \t\r\n"))
    assert head is not None
    assert head.headers[b"x-a"] == b"v w"


def test_close_and_continue_are_noted() -> None:
    head = parse(with_header(b"Connection: Close\r\nExpect: 100-Continue\r\n"))
    assert head is not None
    assert (head.keep_alive, head.expects) == (False, True)


@pytest.mark.parametrize(
    "line",
    [
        b"Content-Length: 0\r\n",
        b"Content-Length: 1\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Host: other\r\n",
        b"Upgrade: h2c\r\n",
        b"Upgrade: websocket\r\n",
        b"HTTP2-Settings: x\r\n",
        b"TE: trailers\r\n",
        b"Expect: 200-ok\r\n",
        b"Connection: close, upgrade\r\n",
        b"X-A : v\r\n",
        b"X-A\r\n",
        b": v\r\n",
        b"X-A: a\x00b\r\n",
        b"X-A: a\rb\r\n",
        b"X-A: a\nX-B: b\r\n",
        b"X-A: a\r\n folded\r\n",
        b"\r\n",
        b"X(A): v\r\n",
        b"X-A: \x7f\r\n",
    ],
)
def test_what_is_beyond_the_subset_is_left_to_aiohttp(line: bytes) -> None:
    assert parse(with_header(line)) is None


@pytest.mark.parametrize("length", [b"+5", b"-1", b"", b"0x5", b"5 5", b"5,5", b"1" * 16, b"\xd9\xa3"])
def test_a_length_is_plain_digits(length: bytes) -> None:
    assert parse(GOOD.replace(b"Content-Length: 0", b"Content-Length: " + length)) is None


@pytest.mark.parametrize(
    "line",
    [
        b"POST http://localhost/2015-03-31/functions/hello/invocations HTTP/1.1",
        b"POST /2015-03-31/functions/hello/invocations HTTP/1.0",
        b"POST /2015-03-31/functions/hello/invocations HTTP/9.9",
        b"POST  /2015-03-31/functions/hello/invocations HTTP/1.1",
        b"POST /2015-03-31/functions/hel lo/invocations HTTP/1.1",
        b"post /2015-03-31/functions/hello/invocations HTTP/1.1",
        b"GET /2015-03-31/functions/hello/invocations HTTP/1.1",
        b"POST /2015-03-31/functions/hello\x80/invocations HTTP/1.1",
    ],
)
def test_other_request_lines_are_left_to_aiohttp(line: bytes) -> None:
    assert parse(line + GOOD[GOOD.index(b"\r\n") :]) is None


def test_a_head_without_a_host_is_left_to_aiohttp() -> None:
    assert parse(invoke_bytes(host=None, body=b"")) is None


@given(st.integers(0, len(GOOD) - 1))
def test_each_beginning_of_a_good_head_may_become_one(cut: int) -> None:
    assert may_become(BEGINNING, GOOD[:cut])


@pytest.mark.parametrize(
    "data", [b"G", b"POST /x", b"PRI * HTTP/2.0", b"\x16\x03\x01", GOOD[:40] + b"\n", b"\n"]
)
def test_other_beginnings_are_seen_early(data: bytes) -> None:
    assert not may_become(BEGINNING, data)


@given(
    st.integers(0, 60), st.binary(max_size=4) | st.sampled_from([b"\r", b"\n", b"\r\n", b"\r\nX"]), st.data()
)
def test_a_beginning_in_pieces_is_told_like_a_whole_one(cut: int, rest: bytes, data: st.DataObject) -> None:
    head = GOOD[:cut] + rest
    known = data.draw(st.integers(0, len(head)))
    if may_become(BEGINNING, head[:known]):
        assert may_become(BEGINNING, head, known) == may_become(BEGINNING, head)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_left(data: bytes) -> None:
    parse(data)
    parse(GOOD[:-2] + data + b"\r\n\r\n")
    may_become(BEGINNING, data)


def test_a_long_hostile_head_is_refused_in_linear_time() -> None:
    parse(with_header(b"X-A: " + b" " * 500_000 + b"\x01\r\n"))
    parse(with_header(b"a:\t\r\n" * 100_000 + b"\x01"))
