"""What a supervisor says of itself, asked on a connection of its own; what it sends may be anything."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from funclet.gateway.answer import init_failure
from funclet.gateway.ask import is_ready
from funclet.gateway.failure import StartFailedError
from funclet.gateway.ports import UnixAddress

GREETING = b"FUNCLET/1 boot=0123456789abcdef revision=hello-1\r\n"
PAYLOAD = b'{"errorType":"Runtime.ExitError","errorMessage":"Runtime exited with error: exit status 1"}'


def unready(headers: bytes, body: bytes = b"") -> bytes:
    return GREETING + b"HTTP/1.1 503 X\r\n%b\r\n%b" % (headers, body)


class Port:
    """A supervisor's port that sends `says`, and then nothing more."""

    def __init__(self, path: str) -> None:
        self.address = UnixAddress(path)
        self.says = b""

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.says)
        writer.write_eof()
        await reader.read()
        writer.close()


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    """A port that says what a test tells it to."""
    with TemporaryDirectory(prefix="funclet-") as folder:
        port = Port(str(Path(folder) / "s"))
        server = await asyncio.start_unix_server(port.accept, port.address.path)
        yield port
        server.close()


async def test_a_failed_init_is_told_with_lambdas_payload(port: Port) -> None:
    port.says = unready(b"x-funclet-outcome: init-error\r\ncontent-length: %d\r\n" % len(PAYLOAD), PAYLOAD)
    with pytest.raises(StartFailedError) as told:
        await is_ready(port.address, "hello-1")
    failure = told.value.failure
    assert (failure.reason, failure.payload) == ("InitFailed", PAYLOAD)
    assert failure.message == "Runtime exited with error: exit status 1"
    of_a_call = PAYLOAD.replace(b'"Runtime exited', b'"RequestId: 8476a536-e9f4 Error: Runtime exited')
    assert init_failure(of_a_call).message == failure.message


@pytest.mark.parametrize(
    ("says", "ready"),
    [
        pytest.param(GREETING + b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", True, id="ready"),
        pytest.param(unready(b"content-length: 0\r\n"), False, id="not yet"),
        pytest.param(unready(b"x-funclet-outcome: ok\r\n"), False, id="another outcome"),
        pytest.param(
            GREETING.replace(b"hello-1", b"hello-2")
            + unready(b"x-funclet-outcome: init-error\r\n")[len(GREETING) :],
            False,
            id="another revision",
        ),
        pytest.param(
            unready(b"x-funclet-outcome: init-error\r\ncontent-length: 9\r\n", b"{"),
            False,
            id="half an answer",
        ),
        pytest.param(
            unready(b"x-funclet-outcome: init-error\r\ncontent-length: 99999999\r\n"), False, id="too long"
        ),
        pytest.param(
            unready(b"x-funclet-outcome: init-error\r\ncontent-length: -1\r\n"), False, id="a length below 0"
        ),
        pytest.param(unready(b"content-length: many\r\n"), False, id="no length"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", False, id="no greeting"),
        pytest.param(b"", False, id="nothing"),
    ],
)
async def test_whatever_else_it_says_it_is_ready_only_if_it_says_so(
    port: Port,
    says: bytes,
    ready: bool,  # noqa: FBT001 - a column of the table
) -> None:
    port.says = says
    assert await is_ready(port.address, "hello-1") is ready


async def test_an_init_error_may_be_as_long_as_an_answer(port: Port) -> None:
    body = b'{"errorMessage":"%b"}' % (b"x" * 6_000_000)
    port.says = unready(b"x-funclet-outcome: init-error\r\ncontent-length: %d\r\n" % len(body), body)
    with pytest.raises(StartFailedError) as told:
        await is_ready(port.address, "hello-1")
    assert told.value.failure.payload == body
    assert len(told.value.failure.message) == 1024
