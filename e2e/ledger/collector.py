"""The place outside the system under test: takes records over HTTP, and answers once each is on disk.

A program of its own (`python -m ledger.collector ADDRESS PORT FILE`), so that it does not share a loop with the load.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import httptools

from ledger import records

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS_TO_START = 10.0
TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"
REFUSED = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
FULL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


class Journal:
    """An append-only file of records; those that wait share one fsync."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sequence = 0
        self._lines: list[bytes] = []
        self._waiting: list[asyncio.Transport] = []
        self._something = asyncio.Event()

    def add(self, body: bytes, sender: asyncio.Transport) -> None:
        """Number a record (a JSON object) and answer its sender once it is on disk."""
        try:
            record = json.loads(body)
            line = {**record, "sequence": self._sequence + 1, "at": time.monotonic()}
        except (ValueError, TypeError):
            sender.write(REFUSED)
            return
        self._sequence += 1
        self._lines.append(json.dumps(line).encode() + b"\n")
        self._waiting.append(sender)
        self._something.set()

    async def keep(self) -> None:
        """Write what comes, for ever; a record that cannot be written is answered 503 and ends the journal."""
        while True:
            await self._something.wait()
            self._something.clear()
            lines, waiting = b"".join(self._lines), self._waiting
            self._lines, self._waiting = [], []
            answer = FULL
            try:
                await asyncio.to_thread(self._write, lines)
                answer = TAKEN
            finally:
                for sender in waiting:
                    sender.write(answer)

    def _write(self, lines: bytes) -> None:
        self._file.write(lines)
        self._file.flush()
        os.fsync(self._file.fileno())


class Connection(asyncio.Protocol):
    """One sender's connection, kept alive; it waits for each answer before it sends again."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_message_begin(self) -> None:
        self._body = b""

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._journal.add(self._body, self._transport)


@dataclass(frozen=True)
class Collector:
    """A running collector: `address` is HOST:PORT, as the probe is told it."""

    address: str
    file: Path

    def records(self) -> list[records.Record]:
        """All that it took so far; a line that is just being written is left out."""
        text = self.file.read_text("utf-8")
        return records.read(text[: text.rfind("\n") + 1].splitlines())


@contextlib.contextmanager
def collecting(folder: Path, host: str) -> Iterator[Collector]:
    """Run a collector on a free port of this address, with its file in a folder. Raises OSError where it does not start."""
    file = folder / "records.jsonl"
    command = [sys.executable, "-m", "ledger.collector", host, "0", str(file)]
    home = str(Path(__file__).parents[1])
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": home},
    )
    with process:
        assert process.stdout
        try:
            port = process.stdout.readline().strip()
            if not port:
                raise OSError(f"the collector does not start on {host}")
            yield Collector(f"{host}:{port}", file)
        finally:
            process.terminate()


async def serve(host: str, port: int, path: Path) -> None:
    """Print the port, and take records until standard input ends: with whoever started it."""
    loop = asyncio.get_running_loop()
    with path.open("ab") as file:
        journal = Journal(file)
        server = await loop.create_server(lambda: Connection(journal), host, port)
        print(server.sockets[0].getsockname()[1], flush=True)
        keeping = asyncio.create_task(journal.keep())
        ended = loop.run_in_executor(None, sys.stdin.read)
        async with server:
            await asyncio.wait([keeping, ended], return_when=asyncio.FIRST_COMPLETED)
        if keeping.done():
            await keeping


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
