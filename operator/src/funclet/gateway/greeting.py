"""The supervisor's first line on each connection."""

import re
from dataclasses import dataclass

#: bytes
LONGEST = 1024
#: seconds; a supervisor is dialled while it still starts
PATIENCE = 10.0

_WORD = re.compile(rb"([a-z-]+)=([!-~]+)")
_BOOT = re.compile(r"[0-9a-f]{16}")
_CHALLENGE = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Greeting:
    """Who answered: `boot` tells two lives of a supervisor apart, `revision` is what it runs.

    In contract 2, `challenge` is what a gateway must sign, with one of the `keys` that are named.
    """

    boot: str
    revision: str
    challenge: str | None = None
    keys: tuple[str, ...] = ()


def parse_greeting(line: bytes) -> Greeting | None:
    """Return the greeting in a line without its end; None where it is none of contract 1 or 2."""
    mark, *words = line.split(b" ")
    if mark not in {b"FUNCLET/1", b"FUNCLET/2"}:
        return None
    values: dict[str, str] = {}
    for word in words:
        match = _WORD.fullmatch(word)
        if match is None:
            return None
        values[match[1].decode()] = match[2].decode()
    boot, revision = values.get("boot", ""), values.get("revision")
    if not revision or not _BOOT.fullmatch(boot):
        return None
    if mark == b"FUNCLET/1":
        return Greeting(boot, revision)
    challenge = values.get("challenge", "")
    keys = tuple(filter(None, values.get("keys", "").split(",")))
    return Greeting(boot, revision, challenge, keys) if _CHALLENGE.fullmatch(challenge) else None
