"""What whoever starts a supervisor tells it: one JSON object, refused with a message that names the key."""

from __future__ import annotations

from _json import make_scanner  # the json package costs 8 ms of a cold start: it compiles regular expressions

from funclet.supervisor.settings_error import SettingsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from funclet.supervisor.pod_settings import Announcement, CodeSource, Key


class Settings:
    """The settings of one supervisor; times are seconds, memory is bytes."""

    __slots__ = (
        "announce",
        "code",
        "command",
        "environment",
        "function_name",
        "handler",
        "health",
        "inherit_environment",
        "init_timeout",
        "keys",
        "listen",
        "log_json",
        "memory",
        "parent_death",
        "quiet",
        "revision",
        "runtime_digest",
        "runtime_name",
        "timeout",
        "version",
        "working_directory",
    )

    def __init__(self, given: Mapping[str, Any]) -> None:
        """Check `given`. Raises SettingsError."""
        unknown = sorted(set(given) - KNOWN)
        if unknown:
            raise SettingsError(f"unknown setting {unknown[0]!r}")
        self.revision: str = _word(given, "revision")
        self.listen: str = _listen(given)
        self.health: str = _health(given)
        self.command: list[str] = _command(given)
        self.environment: dict[str, str] = _environment(given)
        self.inherit_environment: bool = _flag(given, "inherit_environment")
        self.working_directory: str = _text(given, "working_directory")
        self.function_name: str = _word(given, "function_name")
        self.version: str = _word(given, "version", "$LATEST")
        self.handler: str = _text(given, "handler", "")
        runtime = given.get("runtime", {})
        if not isinstance(runtime, dict):
            raise SettingsError("runtime must be an object with name and digest")
        self.runtime_name: str = _word(runtime, "name", "provided")
        self.runtime_digest: str = _word(runtime, "digest", "unknown")
        self.memory: int = _number(given, "memory_mb", 128, least=1, most=1024 * 1024) << 20
        self.timeout: float = _number(given, "timeout_ms", 3_000, least=1, most=86_400_000) / 1000
        self.init_timeout: float = _number(given, "init_timeout_ms", 10_000, least=1, most=86_400_000) / 1000
        self.quiet: float = _number(given, "quiet_ms", 5_000, least=0, most=3_600_000) / 1000
        self.parent_death: bool = _flag(given, "parent_death")
        self.log_json: bool = _log_format(given) == "JSON"
        self.code: CodeSource | None = None
        self.announce: Announcement | None = None
        self.keys: tuple[Key, ...] = ()
        if not _POD.isdisjoint(given):
            self._take_pod(given)

    @property
    def in_pod(self) -> bool:
        """Whether anything is asked for that only a pod has."""
        return bool(self.keys or self.code or self.announce or self.health)

    @property
    def memory_mb(self) -> int:
        """The memory limit as log lines name it."""
        return self.memory >> 20

    def _take_pod(self, given: Mapping[str, Any]) -> None:
        from funclet.supervisor import pod_settings  # noqa: PLC0415 - a laptop starts without them

        if "code" in given:
            self.code = pod_settings.CodeSource(given["code"])
        if "announce" in given:
            if not self.listen.startswith("tcp:"):
                raise SettingsError("announce needs listen to be tcp:HOST:PORT")
            self.announce = pod_settings.Announcement(given["announce"])
        if "keys" in given:
            self.keys = pod_settings.keys(given["keys"])


_POD = {"announce", "code", "keys"}
KNOWN = {
    *_POD,
    "command",
    "environment",
    "function_name",
    "handler",
    "health",
    "inherit_environment",
    "init_timeout_ms",
    "listen",
    "log_format",
    "memory_mb",
    "parent_death",
    "quiet_ms",
    "revision",
    "runtime",
    "timeout_ms",
    "version",
    "working_directory",
}


def parse(text: str) -> Settings:
    """Read the settings from JSON. Raises SettingsError."""
    start = len(text) - len(text.lstrip())
    try:
        given, end = _scanner()(text, start)
    except (StopIteration, ValueError, RecursionError, SystemError):
        # The C half alone can say that something is wrong, but not what.
        raise SettingsError(f"the settings are not JSON: {_what_is_wrong(text)}") from None
    if text[end:].strip():
        raise SettingsError("the settings are not JSON: something follows the object")
    if not isinstance(given, dict):
        raise SettingsError("the settings must be a JSON object")
    return Settings(given)


class _Decoding:
    """What the scanner of the standard library wants to know."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, str] = {}  # noqa: RUF012 - the scanner wants the attribute, and empties it itself


def _what_is_wrong(text: str) -> str:
    import json  # noqa: PLC0415 - 8 ms matter no more

    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        return str(error)
    return "unreadable"


def _scanner() -> Callable[[str, int], tuple[Any, int]]:
    scanner: Callable[[str, int], tuple[Any, int]] = make_scanner(_Decoding())  # type: ignore[arg-type]  # the stub names another class
    return scanner


def _text(given: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = given.get(key, default)
    if value is None:
        raise SettingsError(f"{key} is missing")
    if not isinstance(value, str) or "\0" in value:
        raise SettingsError(f"{key} must be a string without NUL")
    return value


def _word(given: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """A string that may stand in a header or a log line."""
    value = _text(given, key, default)
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise SettingsError(f"{key} must be printable ASCII without blanks")
    return value


def _number(given: Mapping[str, Any], key: str, default: int, *, least: int, most: int) -> int:
    value = given.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise SettingsError(f"{key} must be a whole number from {least} to {most}")
    return value


def _flag(given: Mapping[str, Any], key: str) -> bool:
    value = given.get(key, False)
    if not isinstance(value, bool):
        raise SettingsError(f"{key} must be true or false")
    return value


def _log_format(given: Mapping[str, Any]) -> str:
    value = _text(given, "log_format", "Text")
    if value not in {"Text", "JSON"}:
        raise SettingsError("log_format must be Text or JSON")
    return value


def _command(given: Mapping[str, Any]) -> list[str]:
    value = given.get("command")
    if (
        not isinstance(value, list)
        or not value
        or not all(isinstance(part, str) and "\0" not in part for part in value)
    ):
        raise SettingsError("command must be a list of at least one string without NUL")
    return value


def _environment(given: Mapping[str, Any]) -> dict[str, str]:
    value = given.get("environment", {})
    if not isinstance(value, dict):
        raise SettingsError("environment must be an object of strings")
    for name, content in value.items():
        if not name or "=" in name or "\0" in name:
            raise SettingsError(f"environment has a name that cannot be one: {name!r}")
        if not isinstance(content, str) or "\0" in content:
            raise SettingsError(f"environment.{name} must be a string without NUL")
    return value


def _listen(given: Mapping[str, Any]) -> str:
    value = _text(given, "listen")
    kind, _, rest = value.partition(":")
    good = {"fd": rest.isdecimal(), "tcp": _is_host_and_port(rest), "unix": bool(rest)}
    if not good.get(kind):
        raise SettingsError("listen must be fd:N, tcp:HOST:PORT or unix:PATH")
    return value


def _health(given: Mapping[str, Any]) -> str:
    """Where health is told; empty where it is not."""
    value = _text(given, "health", "")
    if value and not (value.startswith("tcp:") and _is_host_and_port(value[4:])):
        raise SettingsError("health must be tcp:HOST:PORT")
    return value


def _is_host_and_port(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and port.isdecimal() and int(port) < 65536  # noqa: PLR2004 - the largest port
