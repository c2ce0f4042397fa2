"""What a supervisor is told of its revision: one JSON object (designs/0001 and 0003)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from funclet.api.values import parse_duration
from funclet.plan.environment import memory_mb
from funclet.plan.revision import Revision

#: what one variable may hold: Linux's MAX_ARG_STRLEN less its name
MAX_VARIABLE: Final = 128 * 1024 - 64


@dataclass(frozen=True, slots=True)
class Place:
    """Where the supervisor of a revision runs: what differs between a laptop and a pod."""

    #: argv of the runtime process
    command: Sequence[str]
    environment: Mapping[str, str]
    working_directory: str
    #: settings that only this kind of place has
    further: Mapping[str, Any] = field(default_factory=dict)


def supervisor_settings(revision: Revision, place: Place) -> dict[str, Any]:
    """Give the settings; those of a revision are the same wherever it runs."""
    settings = revision.settings
    return {
        "revision": revision.key,
        "command": list(place.command),
        "environment": dict(place.environment),
        "working_directory": place.working_directory,
        "function_name": revision.function_name,
        "version": revision.version,
        "handler": settings.handler or "",
        "runtime": {"name": revision.runtime.name, "digest": revision.runtime.digest},
        "memory_mb": memory_mb(revision),
        "timeout_ms": round(parse_duration(settings.timeout) * 1000),
        "log_format": settings.logging.format,
        **place.further,
    }


def as_variable(settings: Mapping[str, Any]) -> str:
    """Write settings as the value of a container's variable: equal settings give equal text, in ASCII.

    A kubelet puts values in the place of $(NAME) and makes one $ of two, so a $ is written as JSON's escape.
    """
    return json.dumps(settings, sort_keys=True, separators=(",", ":")).replace("$", "\\u0024")
