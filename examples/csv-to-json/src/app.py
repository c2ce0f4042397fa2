"""A CSV file as JSON: each column gets the narrowest type that fits all its cells."""

import csv
import io
import re

# An integer with a leading zero is a postcode or an account number: it stays text.
INTEGER = re.compile(r"-?(0|[1-9]\d*)")
NUMBER = re.compile(r"-?(0|[1-9]\d*)\.\d+")
BOOLEANS = {"true": True, "false": False, "yes": True, "no": False}


def handler(event, context):
    """{"csv": text, "delimiter": ","} -> {"rows": [{column: value}], "summary": {...}}"""
    text = event["csv"].removeprefix("\ufeff")
    names, *lines = csv.reader(io.StringIO(text, newline=""), delimiter=event.get("delimiter", ","), strict=True)
    lines = [line for line in lines if line]
    for number, line in enumerate(lines, start=1):
        if len(line) != len(names):
            raise ValueError(f"row {number} has {len(line)} cells, the header has {len(names)}")

    columns = {name: typed([line[place].strip() for line in lines]) for place, name in enumerate(names)}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*(values for _, values in columns.values()), strict=True)]
    summary = {name: describe(kind, values) for name, (kind, values) in columns.items()}
    return {"rows": rows, "summary": {"rows": len(rows), "columns": summary}}


def typed(cells):
    """The column's type and its values; an empty cell is None."""
    filled = [cell for cell in cells if cell]
    kind, convert = type_of(filled)
    return kind, [convert(cell) if cell else None for cell in cells]


def type_of(cells):
    if cells and all(INTEGER.fullmatch(cell) for cell in cells):
        return "integer", int
    if cells and all(INTEGER.fullmatch(cell) or NUMBER.fullmatch(cell) for cell in cells):
        return "number", float
    if cells and all(cell.lower() in BOOLEANS for cell in cells):
        return "boolean", lambda cell: BOOLEANS[cell.lower()]
    return "text", str


def describe(kind, values):
    filled = [value for value in values if value is not None]
    facts = {"type": kind, "empty": len(values) - len(filled)}
    if kind in {"integer", "number"}:
        facts |= {"min": min(filled), "max": max(filled), "sum": round(sum(filled), 2)}
    elif kind == "text":
        facts["different"] = len(set(filled))
    return facts
