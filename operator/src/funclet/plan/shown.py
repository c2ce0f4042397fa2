"""Words of others, fit to be shown in a status: short, on one line, without what looks like a password."""

import re
from typing import Final

#: characters
LONGEST: Final = 500
_USER = re.compile(r"(?<=://)[^\s/@]+(?=@)")
_SECRET = re.compile(
    r"(?i)\b((?:[\w-]*(?:password|passwd|secret|token|api[_-]?key)|authorization|credentials?)[\"']?\s*[=:]\s*)"
    r"(?:(?:bearer|basic)\s+)?(?:\"[^\"]*\"|'[^']*'|[^\s,;&]+)"
)


def shown(text: str) -> str:
    """Give the text as it may be shown."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    masked = _SECRET.sub(r"\1***", _USER.sub("***", line))
    return masked if len(masked) <= LONGEST else masked[: LONGEST - 3] + "..."
