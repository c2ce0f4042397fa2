"""The fast lane against bytes in any split and of any kind, without sockets in between."""

import asyncio
import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funclet.gateway.fastlane import FastLane
from funclet.gateway.gateway import Gateway
from funclet.gateway.settings import GatewaySettings
from support.gateway import FakeStarter, invoke_bytes, route, table, until
from support.wire import Wire


class Bench:
    """One gateway in a loop of its own, for tests that are synchronous."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.starter = FakeStarter()
        self.gateway = self.runner.run(self._start())

    async def _start(self) -> Gateway:
        gateway = Gateway(self.starter, GatewaySettings(port=0))
        await gateway.start()
        gateway.update_routes(table(route()))
        return gateway

    def stop(self) -> None:
        self.runner.run(self.gateway.stop(1.0))
        self.starter.clean()
        self.runner.close()

    def feed(self, pieces: list[bytes], answers: int | None) -> bytes:
        """Give the pieces to a new connection; wait for that many answers, or a quiet moment."""
        return self.runner.run(self._feed(pieces, answers))

    async def _feed(self, pieces: list[bytes], answers: int | None) -> bytes:
        wire = Wire()
        lane = FastLane(self.gateway._public._listener)
        lane.connection_made(wire)
        for piece in pieces:
            if not wire.closed:
                lane.data_received(piece)
            await asyncio.sleep(0)
        if answers is None:
            for _ in range(20):
                await asyncio.sleep(0)
        else:
            await until(lambda: wire.written.count(b"HTTP/1.1 ") >= answers)
        lane.connection_lost(None)
        await asyncio.sleep(0)
        return wire.written

    def held(self) -> tuple[int, int, int]:
        admission = self.gateway.admission
        return admission.requests, admission.bytes, self.gateway._public.connections


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """A gateway for the whole module."""
    made = Bench()
    yield made
    made.stop()


CHUNKED = (
    b"POST /2015-03-31/functions/hello/invocations HTTP/1.1\r\nHost: localhost\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n3\r\n[4]\r\n0\r\n\r\n"
)
STREAM = (
    invoke_bytes(body=b'{"first": 1}')
    + invoke_bytes("nope", body=b"{}")
    + invoke_bytes(headers={"X-Amz-Invocation-Type": "DryRun"})
    + invoke_bytes(body=b"{")
    + invoke_bytes(body=b"")
    + invoke_bytes(body=b'"' + b"a" * 3000 + b'"')
    + b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"
    + invoke_bytes(body=b"[3]")
    + CHUNKED
)
ANSWERS = 9

_relaxed = settings(deadline=None, max_examples=300)


def told(written: bytes) -> list[tuple[bytes, bytes]]:
    """Return statuses and bodies, without what differs from call to call."""
    found = re.findall(
        rb"HTTP/1\.1 ([0-9]{3}) [^\r]*\r\n(?:[^\r]+\r\n)*\r\n((?:(?!HTTP/1\.1 ).)*)", written, re.DOTALL
    )
    return [(status, body) for status, body in found]


@_relaxed
@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=30))
def test_any_split_of_a_stream_gives_the_same_answers(bench: Bench, cuts: list[int]) -> None:
    edges = [0, *sorted(set(cuts)), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in pairwise(edges)]
    answers = told(bench.feed(pieces, ANSWERS))
    assert [status for status, _ in answers] == [
        b"200", b"404", b"204", b"400", b"200", b"200", b"404", b"200", b"200",
    ]  # fmt: skip
    assert [body for status, body in answers if status == b"200"] == [
        b'{"first": 1}', b"{}", b'"' + b"a" * 3000 + b'"', b"[3]", b"[4]",
    ]  # fmt: skip
    assert bench.held() == (0, 0, 0)


def test_a_stream_byte_by_byte_gives_the_same_answers(bench: Bench) -> None:
    pieces = [STREAM[index : index + 1] for index in range(len(STREAM))]
    assert [status for status, _ in told(bench.feed(pieces, ANSWERS))].count(b"200") == 5


_noise = st.binary(max_size=300)
_line = st.sampled_from([b"Content-Length: 2", b"Content-Length: 3", b"Transfer-Encoding: chunked", b"Host: x",
                         b"Expect: 100-continue", b"Connection: close", b"X: \x00", b" fold", b"", b"A : b"])  # fmt: skip


@_relaxed
@given(st.lists(_noise, max_size=6))
def test_random_bytes_crash_nothing_and_leave_nothing_behind(bench: Bench, pieces: list[bytes]) -> None:
    bench.feed(pieces, None)
    assert bench.held() == (0, 0, 0)


@_relaxed
@given(st.lists(_line, max_size=6), _noise, st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_nearly_good_requests_crash_nothing_and_are_never_a_fault_of_ours(
    bench: Bench, lines: list[bytes], body: bytes, at: int, change: bytes
) -> None:
    good = invoke_bytes(body=b"{}")
    head = good[: good.index(b"\r\n")] + b"\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + body
    mutated = good[:at] + change + good[at + 1 :]
    for data in (head, mutated):
        written = bench.feed([data[:at], data[at:]], None)
        assert not re.search(rb"HTTP/1\.1 5", written)
    assert bench.held() == (0, 0, 0)
