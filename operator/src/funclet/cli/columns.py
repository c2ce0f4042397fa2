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
    return lambda found, now: whole(found, now).rpartition(":")[2][:_SHORT_DIGEST]


def _condition(field: str) -> Callable[[Object, datetime], str]:
    def cell(found: Object, _now: datetime) -> str:
        conditions = found.get("status", {}).get("conditions", [])
        ready: Object = next((each for each in conditions if each.get("type") == "Ready"), {})
        return str(ready.get(field, "Unknown" if field == "status" else ""))

    return cell


def age(found: Object, now: datetime) -> str:
    """How old the object is, in its largest whole unit."""
    try:
        made = datetime.fromisoformat(found["metadata"]["creationTimestamp"])
        seconds = max(0, int((now - made).total_seconds()))
    except (KeyError, TypeError, ValueError):
        return ""
    return next((f"{seconds // size}{unit}" for unit, size in _UNITS if seconds >= size), f"{seconds}s")


def traffic(found: Object, _now: datetime) -> str:
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
        Column("MEMORY", _at("spec.memory", "128Mi")),
        Column("TIMEOUT", _at("spec.timeout", "3s")),
        Column("VERSION", _at("status.lastVersion", "0")),
        Column("INSTANCES", _at("status.instances", "0")),
        _AGE,
        _REASON,
        Column("HANDLER", _at("spec.handler"), wide=True),
        Column("REVISION", _at("status.servingRevision"), wide=True),
        Column("ARN", _at("status.functionArn"), wide=True),
    ),
    "FunctionVersion": (
        _NAME,
        _READY,
        Column("FUNCTION", _at("spec.function")),
        Column("VERSION", _at("spec.version")),
        Column("CODE", _digest("spec.codeSha256")),
        Column("INSTANCES", _at("status.instances", "0")),
        _AGE,
        _REASON,
        Column("RUNTIME", _at("spec.runtime"), wide=True),
        Column("DIGEST", _digest("spec.runtimeDigest"), wide=True),
        Column("DESCRIPTION", _at("spec.description"), wide=True),
    ),
    "Alias": (
        _NAME,
        _READY,
        Column("FUNCTION", _at("spec.function")),
        Column("ALIAS", _at("spec.name")),
        Column("VERSIONS", traffic),
        _AGE,
        _REASON,
        Column("ARN", _at("status.aliasArn"), wide=True),
    ),
}
