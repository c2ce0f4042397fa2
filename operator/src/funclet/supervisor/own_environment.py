"""What the supervisor's own environment tells: its settings, its pod, and what it passes on to the function."""

from __future__ import annotations

import os

from funclet.supervisor.settings_error import SettingsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

#: what is the platform's and not the function's
_OURS = ("FUNCLET_", "KUBERNETES_")
#: set in the first byte of a variable that the launcher hid: its loader, libraries and interpreter were not to heed it
_HIDDEN = 0x80


class Identity:
    """Which pod this is, as the downward API tells it."""

    __slots__ = ("address", "name", "namespace", "uid")

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Take it from `environment`. Raises SettingsError."""
        self.name = _word(environment, "FUNCLET_POD_NAME")
        self.namespace = _word(environment, "FUNCLET_POD_NAMESPACE")
        self.uid = _word(environment, "FUNCLET_POD_UID")
        self.address = _word(environment, "FUNCLET_POD_IP")


def variable(environment: Mapping[str, str], name: str) -> str:
    """Return the settings that stand in a variable. Raises SettingsError."""
    try:
        return environment[name]
    except KeyError:
        raise SettingsError(f"--settings env:{name}: there is no such variable") from None


def passed_on() -> dict[str, str]:
    """Return this process's environment as it was given, without what is the platform's."""
    # An interpreter may add to its own environment (LC_CTYPE); the kernel keeps what the image and the pod said.
    with open("/proc/self/environ", "rb") as given:  # noqa: PTH123 - pathlib costs milliseconds of a cold start
        lines = given.read().split(b"\0")
    pairs = [os.fsdecode(_shown(line)).partition("=") for line in lines]
    return {name: value for name, mark, value in pairs if name and mark and not name.startswith(_OURS)}


def _shown(line: bytes) -> bytes:
    return bytes([line[0] & ~_HIDDEN]) + line[1:] if line else line


def _word(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value or not value.isascii() or not value.isprintable() or any(mark in value for mark in ' "\\'):
        raise SettingsError(f"the environment variable {name} is missing or malformed")
    return value
