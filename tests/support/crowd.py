"""A process of its own that holds many connections to a gateway, so that their descriptors are not the test's.

Run as a script it takes a port, how many, the first of its own addresses, how many connections one address
has, and what they do: "idle" ones send nothing, of "slow" ones every other sends half a head, and the rest
a head byte by byte. A line on its output tells how many
it opened; at a line on its input it goes, and tells what the gateway did with them.
"""

import asyncio
import json
import selectors
import socket
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any, Literal, Self

Way = Literal["idle", "slow"]

_HEAD = b"POST /2015-03-31/functions/hello/invocations HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 1000
#: seconds between two bytes of one connection that drips
_DRIP = 0.5


class Crowd:
    """Connections that a process of their own holds; use it as an asynchronous context."""

    def __init__(self, port: int, count: int, way: Way, *, host: int = 2, each: int = 4_000) -> None:
        self._words = [str(port), str(count), f"127.0.0.{host}", str(each), way]
        self._process: asyncio.subprocess.Process | None = None
        #: connections that were made
        self.opened = 0

    async def __aenter__(self) -> Self:
        """Wait until all connections are made."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(__file__)), *self._words, stdin=PIPE, stdout=PIPE
        )
        self.opened = (await self._tell())["opened"]
        return self

    async def _tell(self) -> dict[str, int]:
        assert self._process is not None
        assert self._process.stdout is not None
        told: dict[str, int] = json.loads(await self._process.stdout.readline())
        return told

    async def leave(self) -> dict[str, int]:
        """Have it go; return how many connections the gateway `closed`, and how many of them with a `408`."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        return await self._tell()

    async def __aexit__(self, *_: object) -> None:
        """End the process."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()


class _Members:
    """The other side: the sockets."""

    def __init__(self, port: int, count: int, first: str, each: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._sent: dict[socket.socket, int] = {}
        self._told = {"closed": 0, "408": 0}
        network, _, host = first.rpartition(".")
        for index in range(count):
            own = (f"{network}.{int(host) + index // each}", 0)
            member = socket.create_connection(("127.0.0.1", port), timeout=30.0, source_address=own)
            member.setblocking(False)
            self._selector.register(member, selectors.EVENT_READ)
            self._sent[member] = 0
        self._selector.register(sys.stdin, selectors.EVENT_READ)

    def send(self, size: int, which: int) -> None:
        """Send that many bytes more on every other, from the one with that index on."""
        for member, sent in list(self._sent.items())[which::2]:
            try:
                member.send(_HEAD[sent : sent + size])
            except OSError:
                self._forget(member)
            else:
                self._sent[member] = sent + size

    def stay(self, *, slow: bool) -> dict[str, int]:
        """Watch until a line comes in; tell what came of the connections."""
        if slow:
            self.send(70, 0)
        due = time.monotonic()
        while True:
            for key, _ in self._selector.select(max(0.0, due - time.monotonic())):
                if key.fileobj is sys.stdin:
                    return self._told
                self._read(key.fileobj)
            if time.monotonic() >= due:
                due += _DRIP
                if slow:
                    self.send(1, 1)

    def _read(self, member: Any) -> None:
        try:
            data = member.recv(4096)
        except OSError:
            data = b""
        if data:
            self._told["408"] += data.startswith(b"HTTP/1.1 408 ")
        else:
            self._forget(member)

    def _forget(self, member: socket.socket) -> None:
        if self._sent.pop(member, None) is not None:
            self._told["closed"] += 1
            self._selector.unregister(member)
            member.close()


def _main(port: str, count: str, first: str, each: str, way: str) -> None:
    members = _Members(int(port), int(count), first, int(each))
    sys.stdout.write(json.dumps({"opened": int(count)}) + "\n")
    sys.stdout.flush()
    sys.stdout.write(json.dumps(members.stay(slow=way == "slow")) + "\n")


if __name__ == "__main__":
    _main(*sys.argv[1:])
