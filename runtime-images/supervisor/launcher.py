"""Writes the smallest program that can start another one with fixed arguments before its own.

A pod's command must be one executable, and the image that it runs in may hold neither a shell nor a C library.
So it is a static ELF file of a few hundred bytes that does one thing: execve of the first of its fixed
arguments, with all of them, then its own, in its own environment. If that fails it exits with 127.

It may hide that environment from what it starts: loader, C library and interpreter take libraries, modules and
more from variables (LD_PRELOAD, LD_AUDIT, GCONV_PATH, GLIBC_TUNABLES), which an image or a Secret can set. So
that nobody has to know all of their names, every one that does not begin with FUNCLET_ gets the highest bit of
its first byte set. Whoever knows of that can read them still; funclet.supervisor.own_environment does.

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
#: what names of variables that are not hidden begin with: as many bytes as a register has
_SHOWN = b"FUNCLET_"


def _hide_x86_64() -> bytes:
    """Go through the environment at rdx. That it may read past a short string's end is no harm: others follow."""
    return b"".join(
        [
            bytes.fromhex("4889d6"),  # mov rsi, rdx
            b"\x48\xbf" + _SHOWN,  # movabs rdi, shown
            bytes.fromhex("48ad"),  # next: lodsq
            bytes.fromhex("4885c0"),  # test rax, rax           the null pointer is the last
            bytes.fromhex("740f"),  # jz done
            bytes.fromhex("803800"),  # cmp byte [rax], 0
            bytes.fromhex("74f4"),  # je next                 the end of a string must stay that
            bytes.fromhex("483938"),  # cmp [rax], rdi
            bytes.fromhex("74ef"),  # je next
            bytes.fromhex("800880"),  # or byte [rax], 128
            bytes.fromhex("ebea"),  # jmp next
        ]  # done:
    )


def _hide_aarch64() -> list[int]:
    """Do the same at x2."""
    shown = struct.unpack("<4H", _SHOWN)
    return [
        0xAA0203E9,  # mov x9, x2
        0xD280000A | shown[0] << 5,  # movz x10, #shown
        *(0xF280000A | part << 21 | shown[part] << 5 for part in (1, 2, 3)),  # movk x10, #its other parts
        0xF840852B,  # next: ldr x11, [x9], #8
        0xB400012B,  # cbz x11, done           the null pointer is the last
        0x3940016C,  # ldrb w12, [x11]
        0x34FFFFAC,  # cbz w12, next           the end of a string must stay that
        0xF940016D,  # ldr x13, [x11]
        0xEB0A01BF,  # cmp x13, x10
        0x54FFFF40,  # b.eq next
        0x3219018C,  # orr w12, w12, #128
        0x3900016C,  # strb w12, [x11]
        0x17FFFFF7,  # b next
    ]  # done:


def _x86_64(strings: list[int], table: int, *, hide: bool) -> bytes:
    """Push the caller's arguments and then ours, last first: the stack is the new argument list."""
    del table
    return b"".join(
        [
            bytes.fromhex("488b0c24"),  # mov rcx, [rsp]             the count of arguments
            bytes.fromhex("488d5c2408"),  # lea rbx, [rsp + 8]         the first of them
            bytes.fromhex("488d54cb08"),  # lea rdx, [rbx + rcx*8 + 8] the environment, behind the last
            _hide_x86_64() if hide else b"",
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


def _aarch64(strings: list[int], table: int, *, hide: bool) -> bytes:
    """Copy ours, from the table, and then the caller's arguments to a new list below the stack's end."""
    fixed = len(strings)
    words = [
        0xF94003E0,  # ldr x0, [sp]            the count of arguments
        0x910023E1,  # add x1, sp, #8          the first of them
        0x8B000C22,  # add x2, x1, x0, lsl #3
        0x91002042,  # add x2, x2, #8          the environment, behind the last
        *(_hide_aarch64() if hide else ()),
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


def program(arguments: list[str], machine: str, *, hide: bool = False) -> bytes:
    """Return the program, which may `hide` the environment. Raises KeyError for a machine that it cannot be written for."""
    number, code = _MACHINES[machine]
    texts = [os.fsencode(argument) + b"\0" for argument in arguments]
    start = _HEADER + 2 * _SEGMENT
    # The code's length does not depend on addresses: it is made once to measure it.
    table = _ADDRESS + start + len(code([0] * len(texts), 0, hide=hide))
    first = table + 8 * len(texts)
    strings = [first + sum(map(len, texts[:index])) for index in range(len(texts))]
    body = code(strings, table, hide=hide) + struct.pack(f"<{len(strings)}Q", *strings) + b"".join(texts)
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


def write(path: Path, arguments: list[str], machine: str = os.uname().machine, *, hide: bool = False) -> None:
    """Write it as an executable file."""
    path.write_bytes(program(arguments, machine, hide=hide))
    path.chmod(0o755)


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2:])
