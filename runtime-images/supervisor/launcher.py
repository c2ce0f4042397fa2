"""Writes the smallest program that can start another one with fixed arguments before its own.

A pod's command must be one executable, and the image that it runs in may hold neither a shell nor a C library.
So it is a static ELF file of a few hundred bytes that does one thing: execve of the first of its fixed
arguments, with all of them, then its own, in its own environment. If that fails it exits with 127.

Usage: python launcher.py FILE PROGRAM [ARGUMENT...]
"""

import os
import struct
import sys
from pathlib import Path

_ADDRESS = 0x400000
_HEADER, _SEGMENT = 64, 56
_LOAD, _STACK = 1, 0x6474E551
_READ, _WRITE, _EXECUTE = 4, 2, 1


def _x86_64(strings: list[int], table: int) -> bytes:
    """Push the caller's arguments and then ours, last first: the stack is the new argument list."""
    del table
    return b"".join(
        [
            bytes.fromhex("488b0c24"),  # mov rcx, [rsp]             the count of arguments
            bytes.fromhex("488d5c2408"),  # lea rbx, [rsp + 8]         the first of them
            bytes.fromhex("488d54cb08"),  # lea rdx, [rbx + rcx*8 + 8] the environment, behind the last
            bytes.fromhex("ff34cb"),  # next: push [rbx + rcx*8]    first the null pointer at the end
            bytes.fromhex("48ffc9"),  # dec rcx
            bytes.fromhex("7ff8"),  # jg next                    all but the name it was called by
            *(b"\x68" + struct.pack("<I", string) for string in reversed(strings)),  # push string
            bytes.fromhex("4889e6"),  # mov rsi, rsp
            bytes.fromhex("488b3e"),  # mov rdi, [rsi]
            bytes.fromhex("b83b000000"),  # mov eax, 59                execve
            bytes.fromhex("0f05"),  # syscall
            bytes.fromhex("b83c000000"),  # mov eax, 60                exit
            bytes.fromhex("bf7f000000"),  # mov edi, 127
            bytes.fromhex("0f05"),  # syscall
        ]
    )


def _aarch64(strings: list[int], table: int) -> bytes:
    """Copy ours, from the table, and then the caller's arguments to a new list below the stack's end."""
    fixed = len(strings)
    words = [
        0xF94003E0,  # ldr x0, [sp]            the count of arguments
        0x910023E1,  # add x1, sp, #8          the first of them
        0x8B000C22,  # add x2, x1, x0, lsl #3
        0x91002042,  # add x2, x2, #8          the environment, behind the last
        0x91000004 | fixed << 10,  # add x4, x0, #fixed      the length of the new list
        0xCB246FE3,  # sub x3, sp, x4, lsl #3  its place
        0xAA0303E5,  # mov x5, x3
        0xD2800006 | (table & 0xFFFF) << 5,  # movz x6, #table
        0xF2A00006 | (table >> 16) << 5,  # movk x6, #table, lsl #16
        0xD2800007 | fixed << 5,  # movz x7, #fixed
        0xF84084C8,  # ours: ldr x8, [x6], #8
        0xF80084A8,  # str x8, [x5], #8
        0xF10004E7,  # subs x7, x7, #1
        0x54FFFFAC,  # b.gt ours
        0xF8408C28,  # theirs: ldr x8, [x1, #8]!
        0xF80084A8,  # str x8, [x5], #8
        0xF1000400,  # subs x0, x0, #1
        0x54FFFFAC,  # b.gt theirs            the null pointer is the last
        0xF9400060,  # ldr x0, [x3]
        0xAA0303E1,  # mov x1, x3
        0xD2801BA8,  # movz x8, #221          execve
        0xD4000001,  # svc #0
        0xD2800FE0,  # movz x0, #127
        0xD2800BA8,  # movz x8, #93           exit
        0xD4000001,  # svc #0
    ]
    return struct.pack(f"<{len(words)}I", *words)


_MACHINES = {"x86_64": (62, _x86_64), "aarch64": (183, _aarch64)}


def program(arguments: list[str], machine: str) -> bytes:
    """Return the program. Raises KeyError for a machine that it cannot be written for."""
    number, code = _MACHINES[machine]
    texts = [os.fsencode(argument) + b"\0" for argument in arguments]
    start = _HEADER + 2 * _SEGMENT
    # The code's length does not depend on addresses: it is made once to measure it.
    table = _ADDRESS + start + len(code([0] * len(texts), 0))
    first = table + 8 * len(texts)
    strings = [first + sum(map(len, texts[:index])) for index in range(len(texts))]
    body = code(strings, table) + struct.pack(f"<{len(strings)}Q", *strings) + b"".join(texts)
    size = start + len(body)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        *(
            b"\x7fELF\x02\x01\x01",
            2,
            number,
            1,
            _ADDRESS + start,
            _HEADER,
            0,
            0,
            _HEADER,
            _SEGMENT,
            2,
            0,
            0,
            0,
        ),
    )
    load = struct.pack("<IIQQQQQQ", _LOAD, _READ | _EXECUTE, 0, _ADDRESS, _ADDRESS, size, size, 0x10000)
    stack = struct.pack("<IIQQQQQQ", _STACK, _READ | _WRITE, 0, 0, 0, 0, 0, 16)
    return header + load + stack + body


def write(path: Path, arguments: list[str], machine: str = os.uname().machine) -> None:
    """Write it as an executable file."""
    path.write_bytes(program(arguments, machine))
    path.chmod(0o755)


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2:])
