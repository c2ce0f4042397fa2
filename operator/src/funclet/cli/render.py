"""How things look: tables for people, JSON and YAML for programs. Pure but for the look at the terminal."""

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal

Output = Literal["table", "wide", "json", "yaml"]
#: of verbs that change something: words for people, or the objects for programs
Words = Literal["text", "json", "yaml"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_COLOURS = {"True": "32", "False": "31", "Unknown": "33"}
_GAP = "  "


def has_colours() -> bool:
    """Whether standard output is a terminal that wants colours."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def safe(text: str) -> str:
    """The text without what a terminal would obey."""
    return _CONTROL.sub("�", text)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, colours: bool) -> str:
    """Aligned columns, the last one ragged; what a terminal would obey is taken out of the cells."""
    plain = [list(header), *([safe(cell) or "-" for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in plain) for column in range(len(header))]
    lines = [
        _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in plain
    ]
    if colours:
        lines = [
            _bold(lines[0]),
            *(_coloured(line, row) for line, row in zip(lines[1:], plain[1:], strict=True)),
        ]
    return "".join(f"{line}\n" for line in lines)


def _bold(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m"


def _coloured(line: str, row: Sequence[str]) -> str:
    """The line with its first True, False or Unknown in green, red or yellow."""
    word = next((cell for cell in row if cell in _COLOURS), None)
    if word is None:
        return line
    before, found, after = line.partition(f" {word}")
    return f"{before}\x1b[{_COLOURS[word]}m{found}\x1b[0m{after}"


def as_json(value: Any) -> str:
    """Indented JSON with a line end."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def as_yaml(value: Any) -> str:
    """YAML with keys in their order and texts of several lines as blocks."""
    import yaml  # noqa: PLC0415  # 30 ms that other output does not need

    class _Dumper(yaml.SafeDumper):
        def ignore_aliases(self, _data: Any) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    _Dumper.add_representer(str, text)
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110))


def structured(value: Any, output: str) -> str:
    """JSON or YAML, as `output` says."""
    return as_json(value) if output == "json" else as_yaml(value)


def as_list(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Several objects as Kubernetes' List."""
    return {"apiVersion": "v1", "kind": "List", "items": list(found)}
