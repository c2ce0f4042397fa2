"""HTTP that is broken, hostile or merely odd, as raw bytes on real sockets."""

import asyncio
import gzip
import json
import logging
import re

import pytest

from funclet.gateway.gateway import Gateway
from support.gateway import (
    PATH,
    FakeStarter,
    HttpAnswer,
    exchange,
    invoke_bytes,
    is_closed,
    read_answer,
    request,
)

LIMIT = 6 * 1024 * 1024
CL = b"Content-Length: 2"
CHUNKED = b"Transfer-Encoding: chunked"
#: stands in each broken request for what its caller would not want to see in a log
SECRET = b"hunter2"


@pytest.fixture
def gateway(hasty: Gateway) -> Gateway:
    """A gateway with short deadlines."""
    return hasty


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(request(CL, b"Transfer-Encoding: chunked", body=b"{}"), id="CL and TE"),
        pytest.param(request(b"Content-Length: 2", b"Content-Length: 3", body=b"{}"), id="two CL"),
        pytest.param(request(CL, CL, body=b"{}"), id="two equal CL"),
        pytest.param(request(b"Content-Length: +2", body=b"{}"), id="CL with sign"),
        pytest.param(request(b"Content-Length: -2", body=b"{}"), id="negative CL"),
        pytest.param(request(b"Content-Length: 2, 2", body=b"{}"), id="list of CL"),
        pytest.param(request(b"Content-Length: 0x2", body=b"{}"), id="hexadecimal CL"),
        pytest.param(request(b"Transfer-Encoding: xchunked", body=b"2\r\n{}\r\n0\r\n\r\n"), id="TE xchunked"),
        pytest.param(
            request(b"Transfer-Encoding: chunked, identity", body=b"2\r\n{}\r\n0\r\n\r\n"),
            id="TE chunked, identity",
        ),
        pytest.param(request(b"Content-Length : 2", body=b"{}"), id="space before colon"),
        pytest.param(request(CL, body=b"{}").replace(b"\r\n", b"\n"), id="bare LF"),
        pytest.param(request(CL, b"X-A: a\nX-B: b", body=b"{}"), id="bare LF in a header"),
        pytest.param(request(CL, b"X-A: a\r\n b", body=b"{}"), id="obs-fold"),
        pytest.param(request(CL, host=b"", body=b"{}"), id="no Host"),
        pytest.param(request(CL, b"Host: localhost", body=b"{}"), id="two Host"),
        pytest.param(request(CL, b"X-A: a\x00b", body=b"{}"), id="NUL in value"),
        pytest.param(request(CL, b"X-A: a\rb", body=b"{}"), id="CR in value"),
        pytest.param(request(CL, b"X A: a", body=b"{}"), id="space in name"),
        pytest.param(
            request(b"Transfer-Encoding: chunked", body=b"2;a\n=b\r\n{}\r\n0\r\n\r\n"), id="LF in chunk ext"
        ),
        pytest.param(
            request(b"Transfer-Encoding: chunked", body=b"-2\r\n{}\r\n0\r\n\r\n"), id="negative chunk"
        ),
        pytest.param(request(CL, version=b"HTTP/9.9", body=b"{}"), id="HTTP/9.9"),
        pytest.param(request(CL, version=b"HTTP/2.0", body=b"{}"), id="HTTP/2.0"),
        pytest.param(request(CL, target=b"http://localhost" + PATH, body=b"{}"), id="absolute-form"),
        pytest.param(request(CL, target=b"*", body=b"{}"), id="asterisk-form"),
        pytest.param(request(CL, target=PATH + b" x", body=b"{}"), id="space in target"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", id="TLS"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2 preface"),
        pytest.param(b"garbage hunter2\r\n\r\n", id="garbage"),
        pytest.param(b"CONNECT hunter2:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", id="CONNECT"),
        pytest.param(b"GET http://[hunter2 HTTP/1.1\r\nHost: localhost\r\n\r\n", id="no URL"),
        pytest.param(request(CL, b"Authorization : hunter2", body=b"{}"), id="secret, space before colon"),
        pytest.param(request(CL, b"Authorization: hunter2\x00", body=b"{}"), id="secret, NUL"),
        pytest.param(
            request(b"Transfer-Encoding: gzip, chunked", body=b"2\r\n{}\r\n0\r\n\r\n"), id="TE gzip, chunked"
        ),
        pytest.param(
            request(b"Transfer-Encoding: gzip", CHUNKED, body=b"2\r\n{}\r\n0\r\n\r\n"),
            id="TE gzip and TE chunked",
        ),
        pytest.param(request(CHUNKED, body=b"hunter2\r\n{}\r\n0\r\n\r\n"), id="no chunk size"),
    ],
)
async def test_http_that_breaks_the_rules_is_refused_and_closed(
    gateway: Gateway, starter: FakeStarter, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    first, answer = await refused(gateway, data)
    assert first == b"HTTP/1.1 400 Bad Request\r\n"
    assert_is_ours(answer)
    assert answer.headers["connection"] == "close"
    assert starter.started == []
    assert [record for record in caplog.records if record.name != "asyncio"] == []


async def refused(gateway: Gateway, *pieces: bytes) -> tuple[bytes, HttpAnswer]:
    """Send pieces, each for itself; return the status line and the answer, after which the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0.02)
    async with asyncio.timeout(5.0):
        first = await reader.readuntil(b"\r\n")
        rest = asyncio.StreamReader()
        rest.feed_data(first + await reader.read())
        rest.feed_eof()
        answer = await read_answer(rest)
        assert await rest.read() == b""
    writer.close()
    return first, answer


def assert_is_ours(answer: HttpAnswer) -> None:
    """An error in the Lambda API's form, without a word of what the caller sent."""
    assert answer.headers["x-amzn-errortype"] == "SerializationException"
    assert answer.headers["content-type"] == "application/json"
    assert len(answer.headers["x-amzn-requestid"]) == 36
    assert "aiohttp" not in str(answer.headers)
    body = json.loads(answer.body)
    assert list(body) == ["Message"]
    assert body["Message"].endswith(".")
    assert SECRET not in answer.body


async def test_a_chunk_that_breaks_the_rules_is_refused_when_it_comes(
    gateway: Gateway, starter: FakeStarter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    _, answer = await refused(gateway, request(CHUNKED, body=b"1\r\n{\r\n"), b"hunter2\r\n}\r\n0\r\n\r\n")
    assert answer.status == 400
    assert_is_ours(answer)
    assert starter.started == []
    assert [record for record in caplog.records if record.name != "asyncio"] == []


async def test_what_comes_broken_behind_a_refused_request_leaves_no_trace(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    head = b"POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(head)
    assert (await read_answer(reader)).status == 404
    writer.write(b"hunter2\r\n")
    assert SECRET not in await reader.read()
    writer.close()
    assert [record for record in caplog.records if record.name != "asyncio"] == []


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(request(CL, b"X-A: " + b"a" * 65536, body=b"{}"), id="a header of 64 KB"),
        pytest.param(
            request(CL, *[b"X-%d: a" % index for index in range(2000)], body=b"{}"), id="2,000 headers"
        ),
        pytest.param(
            request(CL, *[b"X-%d: a" % index for index in range(110)], body=b"{}"), id="110 headers"
        ),
        pytest.param(request(CL, target=PATH + b"?" + b"a" * 65536, body=b"{}"), id="a target of 64 KB"),
        pytest.param(b"GET /" + b"a" * 65536 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", id="a long GET"),
        pytest.param(b"POST /2015-03-31/functions/" + b"a" * 65536, id="a head without an end"),
    ],
)
async def test_a_head_over_its_cap_is_refused(gateway: Gateway, starter: FakeStarter, data: bytes) -> None:
    answer = await exchange(gateway.port, data)
    assert answer.status in {400, 431}
    assert starter.started == []


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "UnknownOperationException"),
        (b"GET /2015-03-31/functions/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "UnknownOperationException"),
        (
            b"PUT " + PATH + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
            404,
            "UnknownOperationException",
        ),
        (request(CL, target=b"/2015-03-31/functions/hello", body=b"{}"), 404, "UnknownOperationException"),
        (request(CL, target=b"/metrics", body=b"{}"), 404, "UnknownOperationException"),
        (request(CL, target=b"/..%2f..%2fadmin", body=b"{}"), 404, "UnknownOperationException"),
        (request(CL, target=b"/%2e%2e/apis", body=b"{}"), 404, "UnknownOperationException"),
        (request(CL, target=PATH + b"/..", body=b"{}"), 404, "UnknownOperationException"),
        (
            request(CL, target=b"/2015-03-31/functions/..%2f..%2fx/invocations", body=b"{}"),
            400,
            "ValidationException",
        ),
        (request(CL, host=b"Host: internal", body=b"{}"), 403, "AccessDeniedException"),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403, "AccessDeniedException"),
        (request(CL, b"Origin: https://evil.example", body=b"{}"), 403, "AccessDeniedException"),
        (request(CL, b"Sec-Fetch-Site: cross-site", body=b"{}"), 403, "AccessDeniedException"),
        (
            b"OPTIONS " + PATH + b" HTTP/1.1\r\nHost: localhost\r\nOrigin: http://a\r\n\r\n",
            403,
            "AccessDeniedException",
        ),
        (request(CL, b"X-Amz-Invocation-Type: Foo", body=b"{}"), 400, "ValidationException"),
        (request(CL, b"X-Amz-Invocation-Type: Event", body=b"{}"), 400, "InvalidParameterValueException"),
        (request(CL, body=b"{x"), 400, "InvalidRequestContentException"),
        (request(b"Content-Length: 20000", body=b"[" * 20000), 400, "InvalidRequestContentException"),
        (request(b"Content-Length: 100000", body=b"[" * 100_000), 400, "InvalidRequestContentException"),
    ],
)
async def test_what_is_not_served_gets_an_answer_like_that_of_aws(
    gateway: Gateway, starter: FakeStarter, data: bytes, status: int, code: str
) -> None:
    answer = await exchange(gateway.port, data)
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (status, code)
    assert answer.headers["content-type"] == "application/json"
    assert "x-amzn-requestid" in answer.headers
    assert answer.json().keys() & {"message", "Message"}
    assert starter.started == []


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(request(CL, body=b"{}"), id="plain"),
        pytest.param(request(CHUNKED, body=b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"), id="chunked"),
        pytest.param(request(CHUNKED, body=b"2\r\n{}\r\n0\r\nX-T: 1\r\n\r\n"), id="chunked with a trailer"),
        pytest.param(request(CL, version=b"HTTP/1.0", body=b"{}"), id="HTTP/1.0"),
        pytest.param(request(CL, b"Connection: Upgrade", b"Upgrade: h2c", body=b"{}"), id="Upgrade: h2c"),
        pytest.param(request(CL, b"Connection: keep-alive, x", body=b"{}"), id="odd Connection"),
        pytest.param(request(CL, b"X-A: a", b"X-A: b", body=b"{}"), id="a header twice"),
        pytest.param(request(CL, b"X-A: \xff\xfe", body=b"{}"), id="Latin-1"),
        pytest.param(
            request(CL, b"Lambda-Runtime-Aws-Request-Id: x", b"X-Forwarded-For: 1.2.3.4", body=b"{}"),
            id="spoofs",
        ),
    ],
)
async def test_odd_but_good_http_is_served(gateway: Gateway, data: bytes) -> None:
    answer = await exchange(gateway.port, data)
    assert (answer.status, answer.body) == (200, b"{}")


async def test_the_limit_is_told_from_the_head(gateway: Gateway, starter: FakeStarter) -> None:
    answer = await exchange(gateway.port, request(b"Content-Length: %d" % (LIMIT + 1)))
    assert answer.status == 413
    assert answer.headers["x-amzn-errortype"] == "RequestEntityTooLargeException"
    assert answer.json()["message"] == (
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
    )
    assert starter.started == []


async def test_a_client_that_sends_all_of_too_much_sees_the_answer(gateway: Gateway) -> None:
    body = b"a" * (LIMIT + 1_000_000)
    answer = await exchange(gateway.port, request(b"Content-Length: %d" % len(body)), body)
    assert answer.status == 413


async def test_without_a_length_the_limit_is_counted_as_it_comes(
    gateway: Gateway, starter: FakeStarter
) -> None:
    chunk = b"10000\r\n" + b"a" * 65536 + b"\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(request(CHUNKED))
    for _ in range(97):
        writer.write(chunk)
    async with asyncio.timeout(5.0):
        answer = await read_answer(reader)
    writer.close()
    assert answer.status == 413
    assert starter.started == []


async def test_a_body_shorter_than_its_length_is_refused_and_not_run(
    gateway: Gateway, starter: FakeStarter
) -> None:
    answer = await exchange(gateway.port, request(b"Content-Length: 10", body=b"{}"), eof=True)
    assert answer.status == 400
    assert starter.started == []


async def test_a_compressed_body_is_not_unpacked(gateway: Gateway, starter: FakeStarter) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    for lines in ((b"Content-Encoding: gzip",), (b"Content-Encoding: gzip", b"X-A: a", b"X-A: b")):
        answer = await exchange(gateway.port, request(*lines, b"Content-Length: %d" % len(bomb), body=bomb))
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "InvalidRequestContentException")
    assert starter.started == []


async def test_who_waits_for_100_is_told_to_go_on(gateway: Gateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(request(CL, b"Expect: 100-continue"))
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"{}")
    assert (await read_answer(reader)).status == 200
    writer.close()


async def test_who_waits_for_100_with_a_bad_head_is_refused_without_the_body(gateway: Gateway) -> None:
    data = request(CL, b"Expect: 100-continue", b"X-Amz-Log-Type: Foo")
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(data)
    assert (await reader.readline()).startswith(b"HTTP/1.1 400")
    writer.close()


async def test_pipelined_requests_are_answered_in_order(gateway: Gateway, starter: FakeStarter) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"".join(invoke_bytes(body=b"%d" % index) for index in range(20)))
    answers = [await read_answer(reader) for _ in range(20)]
    writer.close()
    assert [answer.body for answer in answers] == [b"%d" % index for index in range(20)]
    assert len(starter.started) == 1


async def test_pipelining_past_the_fast_lane_keeps_the_order(gateway: Gateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(
        invoke_bytes(body=b"1")
        + b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"
        + invoke_bytes(body=b"2")
        + request(CHUNKED, body=b"1\r\n3\r\n0\r\n\r\n")
    )
    answers = [await read_answer(reader) for _ in range(4)]
    writer.close()
    assert [answer.status for answer in answers] == [200, 404, 200, 200]
    assert [answer.body for answer in answers if answer.status == 200] == [b"1", b"2", b"3"]


async def test_a_client_that_sends_far_ahead_is_held_back_and_served(gateway: Gateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    body = b'"' + b"a" * 50_000 + b'"'
    for _ in range(10):
        writer.write(invoke_bytes(body=body))
    async with asyncio.timeout(5.0):
        answers = [await read_answer(reader) for _ in range(10)]
    writer.close()
    assert {(answer.status, answer.body) for answer in answers} == {(200, body)}


async def test_connection_close_is_honoured(gateway: Gateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(invoke_bytes(headers={"Connection": "close"}))
    assert (await read_answer(reader)).headers["connection"] == "close"
    assert await is_closed(reader)
    writer.close()


async def both_lanes(gateway: Gateway, data: bytes) -> tuple[HttpAnswer, HttpAnswer]:
    """Answers to the same request by the fast lane, and by aiohttp behind another request."""
    fast = await exchange(gateway.port, data)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (await read_answer(reader)).headers["server"] == "funclet"
    writer.write(data)
    slow = await read_answer(reader)
    writer.close()
    return fast, slow


@pytest.mark.parametrize(
    "data",
    [
        invoke_bytes(body=b'{"a":1}'),
        invoke_bytes(body=b""),
        invoke_bytes(headers={"X-Amz-Log-Type": "Tail"}),
        invoke_bytes(headers={"X-Amz-Invocation-Type": "DryRun"}),
        invoke_bytes(headers={"X-Amz-Invocation-Type": "Event"}),
        invoke_bytes(headers={"X-Amz-Log-Type": "Foo"}),
        invoke_bytes(headers={"X-Amz-Client-Context": "!"}),
        invoke_bytes("nope"),
        invoke_bytes("hello:9"),
        invoke_bytes("hello:1", query="?Qualifier=2"),
        invoke_bytes("a%20b"),
        invoke_bytes(body=b"{"),
        invoke_bytes(body=b"[" * 100_000 + b"]" * 100_000),
        invoke_bytes(body=b'{"a":' * 100_000),
        invoke_bytes(body=b"[" + b"[]," * 100_000 + b"[]]"),
        invoke_bytes(body=b"[" + b"[]," * 100_000),
        invoke_bytes(host="evil.example"),
        invoke_bytes(headers={"Origin": "http://a"}),
        request(b"Content-Length: %d" % (LIMIT + 1)),
    ],
)
async def test_both_lanes_answer_alike(gateway: Gateway, data: bytes) -> None:
    fast, slow = await both_lanes(gateway, data)
    assert (fast.status, fast.body) == (slow.status, slow.body)
    passed = {"x-amzn-errortype", "x-amz-executed-version", "x-amz-log-result", "retry-after", "content-type"}
    if fast.status != 204:
        assert {name: fast.headers.get(name) for name in passed} == {
            name: slow.headers.get(name) for name in passed
        }


WEBSOCKET = (
    b"Connection: Upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
H2C = (
    b"Connection: Upgrade, HTTP2-Settings",
    b"Upgrade: h2c",
    b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
)
#: how a client of HTTP/2 goes on once the protocol is changed
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"


@pytest.mark.parametrize("lines", [WEBSOCKET, H2C], ids=["websocket", "h2c"])
async def test_no_other_protocol_is_gone_over_to(gateway: Gateway, lines: tuple[bytes, ...]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    asked = b"GET " + PATH + b" HTTP/1.1\r\nHost: localhost\r\n" + b"\r\n".join(lines) + b"\r\n\r\n"
    writer.write(asked)
    refused = await read_answer(reader)
    assert (refused.status, refused.headers["x-amzn-errortype"]) == (404, "UnknownOperationException")
    assert "upgrade" not in refused.headers
    # The connection goes on as what it was.
    writer.write(request(CL, *lines, body=b"{}"))
    served = await read_answer(reader)
    assert (served.status, served.body) == (200, b"{}")
    writer.write(invoke_bytes(body=b"1"))
    assert (await read_answer(reader)).body == b"1"
    writer.close()


@pytest.mark.parametrize(
    "behind",
    [PREFACE, b"\x81\x85\x00\x00\x00\x00hello", invoke_bytes(body=b"1"), invoke_bytes(body=b"1") + PREFACE],
    ids=["preface", "a websocket's frame", "a request", "a request and the preface"],
)
@pytest.mark.parametrize("lines", [WEBSOCKET, H2C], ids=["websocket", "h2c"])
async def test_what_comes_behind_a_change_of_protocol_is_read_as_http_1_1_or_not_at_all(
    gateway: Gateway, starter: FakeStarter, lines: tuple[bytes, ...], behind: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(request(CL, *lines, body=b"{}") + behind)
    writer.write_eof()
    async with asyncio.timeout(5.0):
        told = re.findall(rb"HTTP/1.1 ([2-5][0-9]+) ", await reader.read())
    writer.close()
    ran = [call.body for each in starter.supervisors.values() for call in each.calls]
    assert ran == [b"{}", b"1"][: len(ran)]
    # One answer for each that ran, and at most a refusal of what is behind it.
    assert told in ([b"200"] * len(ran), [b"200"] * len(ran) + [b"400"])
