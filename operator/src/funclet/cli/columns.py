"""What a table says of each kind of object. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Object = Mapping[str, Any]

_SHORT_DIGEST = 12
_UNITS = (("d", 86400), ("h", 3600), ("m", 60))


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its header, and the cell for an object at a time; `wide` ones are left out unless asked for."""

    header: str
    cell: Callable[[Object, datetime], str]
    wide: bool = False


def rows(
    kind: str, found: Sequence[Object], now: datetime, *, wide: bool
) -> tuple[list[str], list[list[str]]]:
    """The header and the cells of a table of these objects."""
    columns = [column for column in COLUMNS[kind] if wide or not column.wide]
    cells = [[column.cell(each, now) for column in columns] for each in found]
    return [column.header for column in columns], cells


def _at(path: str, default: str = "") -> Callable[[Object, datetime], str]:
    def cell(found: Object, _now: datetime) -> str:
        value: Any = found
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        return default if value is None else str(value)

    return cell


def _digest(path: str) -> Callable[[Object, datetime], str]:
    whole = _at(path)
    return lambda found, now: short_digest(whole(found, now)).rpartition(":")[2]


def short_digest(digest: str) -> str:
    """As much of a digest, with its algorithm before it, as tells it from others."""
    algorithm, colon, digits = digest.rpartition(":")
    return f"{algorithm}{colon}{digits[:_SHORT_DIGEST]}"


def _condition(field: str) -> Callable[[Object, datetime], str]:
    def cell(found: Object, _now: datetime) -> str:
        conditions = found.get("status", {}).get("conditions", [])
        ready: Object = next((each for each in conditions if each.get("type") == "Ready"), {})
        return str(ready.get(field, "Unknown" if field == "status" else ""))

    return cell


def age(found: Object, now: datetime) -> str:
    """How old the object is, in its largest whole unit."""
    return elapsed(found.get("metadata", {}).get("creationTimestamp"), now)


def elapsed(since: Any, now: datetime) -> str:
    """The time since then (RFC 3339), in its largest whole unit; nothing for what is no time."""
    try:
        seconds = max(0, int((now - datetime.fromisoformat(since)).total_seconds()))
    except (TypeError, ValueError):
        return ""
    return next((f"{seconds // size}{unit}" for unit, size in _UNITS if seconds >= size), f"{seconds}s")


def traffic(found: Object) -> str:
    """Which versions an alias leads to, such as `2 90%, 1 10%`."""
    spec = found.get("spec", {})
    weights = (spec.get("routingConfig") or {}).get("additionalVersionWeights") or {}
    if not weights:
        return str(spec.get("version", ""))
    shares = {spec.get("version"): 1 - sum(weights.values()), **weights}
    return ", ".join(f"{version} {share:.4%}".replace(".0000%", "%") for version, share in shares.items())


_NAME = Column("NAME", _at("metadata.name"))
_READY = Column("READY", _condition("status"))
_AGE = Column("AGE", age)
_REASON = Column("REASON", _condition("reason"), wide=True)

COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "Function": (
        _NAME,
        _READY,
        Column("RUNTIME", _at("spec.runtime")),
        Column("VERSION", _at("status.lastVersion", "0")),
        Column("INSTANCES", _at("status.instances", "0")),
        _AGE,
        _REASON,
        Column("MEMORY", _at("spec.memory", "128Mi"), wide=True),
        Column("TIMEOUT", _at("spec.timeout", "3s"), wide=True),
        Column("HANDLER", _at("spec.handler"), wide=True),
        Column("REVISION", _at("status.servingRevision"), wide=True),
        Column("ARN", _at("status.functionArn"), wide=True),
    ),
    "FunctionVersion": (
        _NAME,
        _READY,
        Column("FUNCTION", _at("spec.function")),
        Column("VERSION", _at("spec.version")),
        Column("INSTANCES", _at("status.instances", "0")),
        _AGE,
        _REASON,
        Column("CODE", _digest("spec.codeSha256"), wide=True),
        Column("RUNTIME", _at("spec.runtime"), wide=True),
        Column("DIGEST", _digest("spec.runtimeDigest"), wide=True),
        Column("DESCRIPTION", _at("spec.description"), wide=True),
    ),
    "Alias": (
        _NAME,
        _READY,
        Column("FUNCTION", _at("spec.function")),
        Column("ALIAS", _at("spec.name")),
        Column("VERSIONS", lambda found, _now: traffic(found)),
        _AGE,
        _REASON,
        Column("ARN", _at("status.aliasArn"), wide=True),
    ),
}
