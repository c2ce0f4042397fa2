"""How big a map of strings is as JSON, measured so that CEL and Python agree.

Both count the UTF-8 bytes of compact JSON, {"name":"value",...}, but for backslashes of escapes, which CEL
cannot see: six characters around each pair, and one more for the braces less the missing last comma.
"""

from collections.abc import Mapping

_AROUND_A_PAIR = 6


def json_size(pairs: Mapping[str, str]) -> int:
    """Count the bytes."""
    return 1 + sum(_AROUND_A_PAIR + len(name.encode()) + len(text.encode()) for name, text in pairs.items())


def cel_json_size(pairs: str) -> str:
    """Write the same as CEL; `pairs` names the map."""
    return f"1 + {pairs}.map(name, {_AROUND_A_PAIR} + size(bytes(name)) + size(bytes({pairs}[name]))).sum()"
