"""An object in words, with what belongs to it: for a person who wants to know how it fares. Pure."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from funclet.cli import columns, render
from funclet.cli.events import last_seen, times
from funclet.cli.finding import lambda_name

Object = Mapping[str, Any]

WIDTH = 80
_INDENT = "  "
_LABEL = 14
#: the other half of Ready; worth a line only where they say something that Ready does not
_SILENT = frozenset({("Reconciling", "False"), ("Stalled", "False")})
_NEWEST_EVENTS = 10


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is told beside the object itself; events as Kubernetes has them, the oldest first."""

    versions: Sequence[Object] = ()
    aliases: Sequence[Object] = ()
    events: Sequence[Object] = ()


def describe(found: Object, around: Surroundings, now: datetime) -> str:
    """All about one object, in lines of at most 80 columns wherever its words can be broken."""
    blocks = [
        [f"{found['kind']} {render.safe(found['metadata']['name'])}", *_fields(found, now)],
        ["Conditions", *_conditions(found, now)],
    ]
    if found["kind"] == "Function":
        blocks += [
            [
                "Versions",
                *_table("FunctionVersion", ("VERSION", "READY", "CODE", "AGE"), around.versions, now),
            ],
            ["Aliases", *_table("Alias", ("ALIAS", "READY", "VERSIONS", "AGE"), around.aliases, now)],
        ]
    blocks.append(["Events", *_events(around.events, now)])
    return "\n".join("".join(f"{line}\n" for line in block) for block in blocks)


def _fields(found: Object, now: datetime) -> Iterator[str]:
    told = {
        **_identity(found),
        **_settings(found.get("spec", {})),
        **_state(found),
        "Age": columns.age(found, now),
    }
    for label, value in told.items():
        if value not in {None, ""}:
            yield from _wrapped(f"{label:<{_LABEL}}", str(value))


def _identity(found: Object) -> dict[str, Any]:
    spec, status = found.get("spec", {}), found.get("status", {})
    told: dict[str, Any] = {"ARN": status.get("functionArn") or status.get("aliasArn")}
    match found["kind"]:
        case "Function":
            name = lambda_name({**found})
            told["Lambda name"] = name if name != found["metadata"]["name"] else None
        case "FunctionVersion":
            told |= {"Function": spec.get("function"), "Version": spec.get("version")}
        case _:
            told |= {
                "Function": spec.get("function"),
                "Alias": spec.get("name"),
                "Calls go to": columns.traffic(found),
            }
    return {**told, "Description": spec.get("description")}


def _settings(spec: Object) -> dict[str, Any]:
    if "code" not in spec:
        return {}
    return {
        "Runtime": spec.get("runtime"),
        "Handler": spec.get("handler"),
        "Code": _code(spec["code"] or {}),
        "Memory": spec.get("memory", "128Mi"),
        "Timeout": spec.get("timeout", "3s"),
        # The values may be nobody else's business.
        "Environment": ", ".join(spec.get("environment") or {}),
        "Concurrency": _pairs(spec.get("concurrency")),
        "Scaling": _pairs(spec.get("scaling")),
        "Publish": spec.get("publish"),
    }


def _code(code: Object) -> str:
    if inline := code.get("inline"):
        return f"inline: {', '.join(inline)}"
    if image := code.get("image"):
        return f"image {image.get('ref', '')}"
    archive = code.get("zip") or {}
    where = next((f"{name} {archive[name]}" for name in ("blob", "url", "path") if archive.get(name)), "")
    return f"zip {where or archive.get('s3', '')}"


def _pairs(values: Object | None) -> str:
    return ", ".join(f"{name} {value}" for name, value in (values or {}).items())


def _state(found: Object) -> dict[str, Any]:
    status = found.get("status", {})
    digest = status.get("runtimeDigest") or found.get("spec", {}).get("runtimeDigest") or ""
    return {
        "Runs on": columns.short_digest(digest),
        "Last version": status.get("lastVersion") or None,
        "Instances": status.get("instances"),
    }


def _conditions(found: Object, now: datetime) -> Iterator[str]:
    said = found.get("status", {}).get("conditions", [])
    for each in said:
        if (each.get("type"), each.get("status")) not in _SILENT:
            since = columns.elapsed(each.get("lastTransitionTime"), now)
            head = f"{each.get('type')}: {each.get('status')}" + (f" for {since}" if since else "")
            yield from _wrapped("", f"{head}, {each.get('reason')}: {each.get('message') or 'no message'}")
    if not said:
        yield f"{_INDENT}none yet: nothing has looked at it"


def _table(kind: str, headers: Sequence[str], found: Sequence[Object], now: datetime) -> Iterator[str]:
    if not found:
        yield f"{_INDENT}none"
        return
    header, cells = columns.rows(kind, found, now, wide=True)
    chosen = [header.index(each) for each in headers]
    table = render.table(headers, [[row[index] for index in chosen] for row in cells], colours=False)
    yield from (f"{_INDENT}{line}" for line in table.splitlines())


def _events(events: Sequence[Object], now: datetime) -> Iterator[str]:
    for each in events[-_NEWEST_EVENTS:]:
        ago = columns.elapsed(last_seen(each), now)
        kind = "" if each.get("type") == "Normal" else f"{each.get('type')} "
        often = f" ({count} times)" if (count := times(each)) > 1 else ""
        yield from _wrapped(f"{ago:>4} ago  ", f"{kind}{each.get('reason')}: {each.get('message')}{often}")
    if not events:
        yield f"{_INDENT}none"


def _wrapped(label: str, text: str) -> Iterable[str]:
    return textwrap.wrap(
        render.safe(text),
        WIDTH,
        initial_indent=f"{_INDENT}{label}",
        subsequent_indent=_INDENT + " " * (len(label) or 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
