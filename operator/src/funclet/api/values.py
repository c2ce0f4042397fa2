"""Values with a notation of their own: Kubernetes quantities and Go durations."""

import re
from typing import Annotated, Any

import durationpy
from pydantic import BeforeValidator, Field, WithJsonSchema

#: The digits are bounded so that neither notation can overflow the engines that read it, and so that every
#: duration is a whole number of milliseconds.
QUANTITY_PATTERN = r"^([0-9]{1,18})(Ki|Mi|Gi|k|M|G)?$"
DURATION_PATTERN = (
    r"^([0-9]{1,7}([.][0-9]{1,3})?s|[0-9]{1,5}([.][0-9]{1,3})?m|[0-9]{1,5}([.][0-9]{1,3})?h|[0-9]{1,8}ms)+$"
)

_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_QUANTITY = re.compile(QUANTITY_PATTERN.strip("^$"))
_DURATION = re.compile(DURATION_PATTERN.strip("^$"))


def _as_text(value: Any) -> Any:
    """Take a plain number of bytes for a quantity too."""
    return str(value) if type(value) is int else value


Quantity = Annotated[
    str,
    BeforeValidator(_as_text),
    Field(max_length=32),
    WithJsonSchema({"x-kubernetes-int-or-string": True, "maxLength": 32}),
]
Duration = Annotated[str, Field(max_length=32)]


def parse_quantity(text: str) -> int:
    """Return the quantity in bytes. Raises ValueError."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a quantity: write a whole number, then Ki, Mi, Gi, k, M or G")
    return int(match[1]) * _UNITS[match[2] or ""]


def parse_duration(text: str) -> float:
    """Return the duration in seconds. Raises ValueError."""
    if _DURATION.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a duration: write numbers with h, m, s or ms, such as 1m30s")
    seconds: float = durationpy.from_str(text).total_seconds()
    return seconds
