"""The supervisor's first line on each connection."""

import re
from dataclasses import dataclass

#: bytes
LONGEST = 1024
#: seconds; a supervisor is dialled while it still starts
PATIENCE = 10.0

_WORD = re.compile(rb"([a-z-]+)=([!-~]+)")
_BOOT = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Greeting:
    """Who answered: `boot` tells two lives of a supervisor apart, `revision` is what it runs."""

    boot: str
    revision: str


def parse_greeting(line: bytes) -> Greeting | None:
    """Return the greeting in a line without its end; None where it is none of contract 1."""
    mark, *words = line.split(b" ")
    if mark != b"FUNCLET/1":
        return None
    values: dict[str, str] = {}
    for word in words:
        match = _WORD.fullmatch(word)
        if match is None:
            return None
        values[match[1].decode()] = match[2].decode()
    boot, revision = values.get("boot", ""), values.get("revision")
    return Greeting(boot, revision) if revision and _BOOT.fullmatch(boot) else None
