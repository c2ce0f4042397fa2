"""The last words of a container, which Kubernetes keeps in the pod's status.

More people may read that than may read what the function was given, and an error's text may quote it.
"""

from __future__ import annotations

import os

from funclet.supervisor.outcome import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PATH = "/dev/termination-log"
#: bytes; Kubernetes keeps 4096
_LIMIT = 2048
_MASK = "***"
#: what is shorter is no secret, and would be found everywhere
_SHORTEST = 6


def tell(error: bytes, path: str = PATH, hidden: Iterable[str] = ()) -> None:
    """Write Lambda's error payload as `errorType: errorMessage`, where somebody made a place for it.

    The values `hidden` are masked: whole, line by line, and as Python and JSON write them between quotes.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.write(descriptor, _words(error, hidden))
    except OSError:
        pass
    finally:
        os.close(descriptor)


def _words(error: bytes, hidden: Iterable[str]) -> bytes:
    text = masked(_sentence(error), hidden)
    # No half a character at the end, where the limit cuts.
    return text.encode(errors="replace")[:_LIMIT].decode(errors="ignore").encode()


def _sentence(error: bytes) -> str:
    import json  # noqa: PLC0415 - at the end time matters no more

    text = error.decode(errors="replace")
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(told, dict):
        return text
    return ": ".join(str(told[key]) for key in ("errorType", "errorMessage") if told.get(key))


def masked(text: str, hidden: Iterable[str]) -> str:
    """Return `text` without these values."""
    # The longest first: one may be a part of another.
    for form in sorted({form for value in hidden for form in _forms(value)}, key=len, reverse=True):
        text = text.replace(form, _MASK)
    return text


def _forms(value: str) -> Iterator[str]:
    for part in (value, value.strip(), *value.splitlines()):
        if len(part.strip()) >= _SHORTEST:
            yield from (part, repr(part)[1:-1], quote(part)[1:-1])
