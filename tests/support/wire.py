"""A transport without a socket."""

import asyncio
from typing import Any

from typing_extensions import override


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.aborted = False
        #: bytes that the other side has not taken
        self.unsent = 0
        self.reading = True

    @override
    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        self.written += bytes(data)

    @override
    def close(self) -> None:
        self.closed = True

    @override
    def abort(self) -> None:
        self.closed = self.aborted = True

    @override
    def is_closing(self) -> bool:
        return self.closed

    @override
    def can_write_eof(self) -> bool:
        return False

    @override
    def pause_reading(self) -> None:
        self.reading = False

    @override
    def resume_reading(self) -> None:
        self.reading = True

    @override
    def get_write_buffer_size(self) -> int:
        return self.unsent

    @override
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default
