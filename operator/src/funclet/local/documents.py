"""Manifests as text: YAML documents, read within limits, each value with the line it stands on.

Built from the parser's events rather than by a loader, so that aliases that multiply ("billion laughs") are
counted before they grow, and so that what is not JSON (dates, sets, tags of a language) is never made.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

#: of one document with its aliases written out: its text, and 40 for each value
MAX_WEIGHT = 4 * 1024 * 1024
MAX_DEPTH = 64
_NODE = 40

_BaseLoader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OCTAL = re.compile(r"0o?([0-7]+)")
_HEXADECIMAL = re.compile(r"0x([0-9a-fA-F]{1,16})")
#: YAML 1.1's, as kubectl reads them: a manifest means the same here and on a cluster
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_TAG = "tag:yaml.org,2002:"

Path = tuple[str | int, ...]


class YamlError(Exception):
    """The text is not YAML, or not the part of YAML that a manifest needs; `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a stream: its number and first line, both from 1, and where its values stand."""

    number: int
    line: int
    value: Any
    lines: dict[Path, int] = field(repr=False)

    def line_of(self, path: str) -> int:
        """The line of a field path such as `spec.code.inline` or `spec.layers[0]`, or of its nearest parent."""
        return max(
            (line for known, line in self.lines.items() if _leads_to(_dotted(known), path)), default=self.line
        )


@dataclass(frozen=True, slots=True)
class Stream:
    """The whole documents of a text, and what ended the reading early, if something did."""

    documents: tuple[Document, ...]
    error: YamlError | None


def load(text: str) -> Stream:
    """All documents of the text that are whole; empty ones are left out."""
    found: list[Document] = []
    try:
        found.extend(_documents(text))
    except YamlError as error:
        return Stream(tuple(found), error)
    return Stream(tuple(found), None)


def load_one(text: str) -> Any:
    """The only document of the text. Raises YamlError."""
    documents = list(_documents(text))
    if len(documents) != 1:
        raise YamlError(f"expected one document and found {len(documents)}", 1)
    return documents[0].value


def _documents(text: str) -> Iterator[Document]:
    number = 0
    try:
        events = iter(yaml.parse(text, Loader=_BaseLoader))
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                number += 1
                builder = _Builder()
                first: Any = next(events)
                builder.build(first, events)
                if builder.value is not None:
                    yield Document(number, _line(first), builder.value, builder.lines)
    except yaml.MarkedYAMLError as error:
        raise _from_parser(error, text) from error
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise YamlError(str(error).splitlines()[0], 1) from error


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _from_parser(error: yaml.MarkedYAMLError, text: str) -> YamlError:
    mark = error.problem_mark or error.context_mark
    message = ": ".join(part for part in (error.context, error.problem) if part)
    # What is missing at the end is missed by the parser on a line that nobody wrote.
    last = text.rstrip("\n").count("\n") + 1
    return YamlError(message or "not YAML", min(mark.line + 1, last) if mark else 1)


@dataclass(slots=True)
class _Open:
    """A sequence or mapping that has begun and not ended."""

    value: dict[str, Any] | list[Any]
    path: Path
    anchor: str | None
    before: int
    #: a mapping's key that waits for its value
    key: str | None = None
    merges: list[dict[str, Any]] = field(default_factory=list)


class _Builder:
    """Makes one document's value from its events, without recursion."""

    def __init__(self) -> None:
        self.value: Any = None
        self.lines: dict[Path, int] = {}
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._weight = 0

    def build(self, event: Any, events: Iterator[Any]) -> None:
        """Take events until the document ends."""
        while not isinstance(event, yaml.DocumentEndEvent):
            self._take(event)
            event = next(events)

    def _take(self, event: Any) -> None:
        line = _line(event)
        match event:
            case yaml.ScalarEvent():
                self._scalar(event, line)
            case yaml.AliasEvent():
                self._alias(event, line)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._begin(event, line)
            case _:
                self._end(line)

    def _scalar(self, event: Any, line: int) -> None:
        weight = _NODE + len(event.value)
        self._count(weight, line)
        top = self._open[-1] if self._open else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            self._key(top, event, line)
            return
        value = _scalar_value(event, line)
        if event.anchor:
            self._anchors[event.anchor] = (value, weight)
        self._place(value, line)

    def _key(self, top: _Open, event: Any, line: int) -> None:
        key = event.value
        if not event.implicit[1] and not isinstance(value := _scalar_value(event, line), str):
            if isinstance(value, bool) or not isinstance(value, int):
                raise YamlError(f"put the key {key!r} into quotes", line)
            key = str(value)
        if key in top.value and key != "<<":
            raise YamlError(f"the key {key!r} stands twice", line)
        top.key = key
        self.lines.setdefault((*top.path, key), line)

    def _alias(self, event: Any, line: int) -> None:
        if event.anchor not in self._anchors:
            raise YamlError(f"the alias *{event.anchor} has no anchor before it", line)
        value, weight = self._anchors[event.anchor]
        self._count(weight, line)
        self._place(value, line)

    def _begin(self, event: Any, line: int) -> None:
        self._count(_NODE, line)
        if len(self._open) >= MAX_DEPTH:
            raise YamlError(f"nested more than {MAX_DEPTH} deep", line)
        _refuse_tag(event, line)
        value: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        path = self._path(line)
        self.lines.setdefault(path, line)
        self._open.append(_Open(value, path, event.anchor, self._weight))

    def _end(self, line: int) -> None:
        ended = self._open.pop()
        if isinstance(ended.value, dict):
            for merged in ended.merges:
                ended.value.update({key: value for key, value in merged.items() if key not in ended.value})
        if ended.anchor:
            self._anchors[ended.anchor] = (ended.value, _NODE + self._weight - ended.before)
        self._place(ended.value, line)

    def _path(self, line: int) -> Path:
        if not self._open:
            return ()
        top = self._open[-1]
        if isinstance(top.value, list):
            return (*top.path, len(top.value))
        if top.key is None:
            raise YamlError("a key must be text", line)
        return (*top.path, top.key)

    def _place(self, value: Any, line: int) -> None:
        path = self._path(line)
        self.lines.setdefault(path, line)
        if not self._open:
            self.value = value
            return
        top = self._open[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key == "<<":
            top.merges.extend(_merges(value, line))
            top.key = None
        else:
            top.value[str(top.key)] = value
            top.key = None

    def _count(self, weight: int, line: int) -> None:
        self._weight += weight
        if self._weight > MAX_WEIGHT:
            raise YamlError("too large once its aliases are written out", line)


def _merges(value: Any, line: int) -> list[dict[str, Any]]:
    sources = value if isinstance(value, list) else [value]
    if not all(isinstance(source, dict) for source in sources):
        raise YamlError("<< wants a mapping", line)
    return sources


def _refuse_tag(event: Any, line: int) -> None:
    if event.tag not in {None, "!", f"{_TAG}map", f"{_TAG}seq"}:
        raise YamlError(f"the tag {event.tag} is not allowed in a manifest", line)


def _scalar_value(event: Any, line: int) -> Any:
    """The JSON value of a scalar; quoted and block scalars are text."""
    if event.tag in {"!", f"{_TAG}str"} or (event.tag is None and not event.implicit[0]):
        return event.value
    if event.tag is not None:
        _refuse_tag(event, line)
    return _plain_value(event.value, line)


def _plain_value(text: str, line: int) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if text.lstrip("+-").lower() in {".inf", ".nan"}:
        raise YamlError(f"{text} is not a number that JSON knows", line)
    if _INTEGER.fullmatch(text):
        return _integer(text, line)
    if match := _OCTAL.fullmatch(text):
        return int(match[1], 8)
    if match := _HEXADECIMAL.fullmatch(text):
        return int(match[1], 16)
    if _FLOAT.fullmatch(text) and not text.lstrip("+-").isdigit():
        if math.isinf(number := float(text)):
            raise YamlError(f"the number {text[:20]} is too large", line)
        return number
    return text


def _integer(text: str, line: int) -> int:
    if len(text) > 20:  # noqa: PLR2004  # what 64 bits can hold, with a sign
        raise YamlError(f"the number {text[:20]}… is too large", line)
    return int(text)


def _dotted(path: Path) -> str:
    """The path as problems tell it: spec.secrets[0].name, spec.code.inline[app.py]."""
    parts = (f".{part}" if _IDENTIFIER.fullmatch(str(part)) else f"[{part}]" for part in path)
    return "".join(parts).removeprefix(".")


def _leads_to(parent: str, path: str) -> bool:
    return path == parent or not parent or path.startswith((f"{parent}.", f"{parent}["))
