"""Quantities as the API server writes them back, so that what is asked for can be compared with what is there."""

from typing import Final

MEBIBYTE: Final = 1 << 20

_BINARY = ("", "Ki", "Mi", "Gi")
_DECIMAL = ("", "k", "M", "G")


def bytes_quantity(count: int) -> str:
    """Write a number of bytes."""
    return _scaled(count, 1024, _BINARY) if count % 1024 == 0 else _scaled(count, 1000, _DECIMAL)


def cpu_quantity(millicores: int) -> str:
    """Write thousandths of a CPU."""
    return str(millicores // 1000) if millicores % 1000 == 0 else f"{millicores}m"


def _scaled(count: int, base: int, suffixes: tuple[str, ...]) -> str:
    power = 0
    while count and count % base == 0 and power + 1 < len(suffixes):
        count, power = count // base, power + 1
    return f"{count}{suffixes[power]}"
