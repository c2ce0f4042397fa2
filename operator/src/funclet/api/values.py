"""Values with a notation of their own: Kubernetes quantities and Go durations."""

from typing import Annotated

from pydantic import Field

Quantity = Annotated[str, Field(pattern=r"^[0-9]+(Ki|Mi|Gi|k|M|G)?$", max_length=32)]
Duration = Annotated[str, Field(pattern=r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$", max_length=32)]


def parse_quantity(text: str) -> int:
    """The quantity in bytes."""
    raise NotImplementedError(text)


def parse_duration(text: str) -> float:
    """The duration in seconds."""
    raise NotImplementedError(text)
