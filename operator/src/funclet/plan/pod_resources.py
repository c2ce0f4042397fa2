"""How much of a node an instance takes."""

from typing import Any, Final

from funclet.api.settings import VersionedSettings
from funclet.api.values import parse_quantity
from funclet.plan.quantities import MEBIBYTE, bytes_quantity, cpu_quantity

#: the supervisor's own memory
SUPERVISOR_MEMORY: Final = 32 * MEBIBYTE
#: the unpacked code, at most 250 MB, beside its archive
CODE_SIZE: Final = 512 * MEBIBYTE
#: the supervisor with its own interpreter and libraries
SUPERVISOR_SIZE: Final = 256 * MEBIBYTE
#: of memory that AWS gives one CPU for
_MEMORY_PER_CPU: Final = 1769 * MEBIBYTE
#: a node's log files of one container: five of 10 MiB, the last while it is turned
_LOG_SIZE: Final = 64 * MEBIBYTE
#: what of the disk is asked for: code is seldom large, and the limit holds those that are
_DISK_REQUEST: Final = 64 * MEBIBYTE
_COPY_MEMORY: Final = 128 * MEBIBYTE


def function_resources(settings: VersionedSettings, disk: int, *, cpu_limit: bool) -> dict[str, Any]:
    """Give requests and limits of the function's container; `disk` is its volumes' size in bytes.

    /tmp lies in memory and is charged to the container as it fills: it is in the limit, not in the request.
    """
    memory = parse_quantity(settings.memory)
    request = memory + SUPERVISOR_MEMORY
    cpu = {"cpu": _cpu(memory)}
    return {
        "requests": {
            **cpu,
            "memory": bytes_quantity(request),
            "ephemeral-storage": bytes_quantity(_DISK_REQUEST),
        },
        "limits": {
            **(cpu if cpu_limit else {}),
            "memory": bytes_quantity(request + parse_quantity(settings.ephemeral_storage)),
            "ephemeral-storage": bytes_quantity(disk + _LOG_SIZE),
        },
    }


def copy_resources(settings: VersionedSettings, disk: int, *, cpu_limit: bool) -> dict[str, Any]:
    """Give those of the container that copies the supervisor: below the function's, so that it adds nothing."""
    cpu = {"cpu": _cpu(parse_quantity(settings.memory))}
    return {
        "requests": {
            **cpu,
            "memory": bytes_quantity(SUPERVISOR_MEMORY),
            "ephemeral-storage": bytes_quantity(_DISK_REQUEST),
        },
        "limits": {
            **(cpu if cpu_limit else {}),
            "memory": bytes_quantity(_COPY_MEMORY),
            "ephemeral-storage": bytes_quantity(disk + _LOG_SIZE),
        },
    }


def _cpu(memory: int) -> str:
    return cpu_quantity(-(-memory * 1000 // _MEMORY_PER_CPU))
