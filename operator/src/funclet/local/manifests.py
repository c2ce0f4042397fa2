"""Manifests as they lie on disk: files, folders, standard input; several documents a file."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from funclet.local.documents import Document, load

#: in a folder; JSON there is rather some tool's configuration, and is read where it is named
SUFFIXES = frozenset({".yaml", ".yml"})
STDIN = "-"
#: the annotation that says which file describes an object
SOURCE = "funclet.dev/source"
_MAX_BYTES = 2 << 20


class ManifestError(Exception):
    """A manifest cannot be read; the message names the file and what is wrong."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object of a manifest file, of whatever kind; `body` is what the document says."""

    source: str
    document: Document
    body: dict[str, Any]
    #: the object's own path in its document, which may be a List
    at: str = ""

    @property
    def place(self) -> str:
        """Where to look: file and line."""
        return f"{shown(self.source)}:{self.document.line_of(self.at)}"

    @property
    def folder(self) -> Path:
        """What relative paths in it are relative to."""
        return Path.cwd() if self.source == STDIN else Path(self.source).parent

    def told(self, path: str, message: str) -> str:
        """A problem as a person looks for it: file, line, document, object, field."""
        line = self.document.line_of(".".join(filter(None, (self.at, path))))
        place = f"{shown(self.source)}:{line}: document {self.document.number}"
        metadata = self.body.get("metadata")
        name = metadata.get("name", "") if isinstance(metadata, dict) else ""
        return f"{place}: {self.body.get('kind', 'object')} {name}: {path or 'the object'}: {message}"


@dataclass(frozen=True, slots=True)
class Parsed:
    """The objects of a text, and a sentence for each part of it that is none.

    `torn`: the text stops being YAML somewhere, as one does that is half-written.
    """

    manifests: tuple[Manifest, ...]
    problems: tuple[str, ...]
    torn: bool


def manifest_files(paths: Iterable[str]) -> list[str]:
    """The files that these paths mean, each once; a folder means all manifests below it.

    Raises ManifestError for a path that is not there.
    """
    found: dict[str, None] = {}
    for path in paths:
        if path == STDIN:
            found[path] = None
        elif Path(path).is_dir():
            found.update(dict.fromkeys(_below(Path(path))))
        elif Path(path).is_file():
            found[str(Path(path).resolve())] = None
        else:
            raise ManifestError(f"{path}: there is no such file or folder")
    return list(found)


def _below(folder: Path) -> Iterator[str]:
    for path in sorted(folder.resolve().rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder.resolve()).parts)
        if path.suffix in SUFFIXES and not hidden and path.is_file():
            yield str(path)


def read_text(source: str) -> str:
    """What the file, or standard input, holds. Raises ManifestError."""
    try:
        data = sys.stdin.buffer.read(_MAX_BYTES + 1) if source == STDIN else Path(source).read_bytes()
        if len(data) > _MAX_BYTES:
            raise ManifestError(f"{shown(source)}: a manifest may have at most {_MAX_BYTES} bytes")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise ManifestError(f"{shown(source)}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{shown(source)}: the manifest is not UTF-8 (byte {error.start})") from error


def parse(source: str, text: str) -> Parsed:
    """Read the objects of a text, those of Lists too; what stands before a part that is not YAML is read as well."""
    stream = load(text)
    manifests: list[Manifest] = []
    problems: list[str] = []
    for document in stream.documents:
        for at, value in _objects(document.value):
            if isinstance(value, dict):
                manifests.append(Manifest(source, document, value, at))
            else:
                place = f"{shown(source)}:{document.line_of(at)}: document {document.number}"
                problems.append(f"{place}: a manifest is an object with apiVersion and kind")
    if stream.error is not None:
        problems.append(f"{shown(source)}:{stream.error.line}: {stream.error}")
    return Parsed(tuple(manifests), tuple(problems), stream.error is not None)


def _objects(value: Any) -> Iterator[tuple[str, Any]]:
    """The objects of a document, each with its path: what `get -o yaml` writes of several is a List."""
    if isinstance(value, dict) and value.get("kind") == "List" and isinstance(value.get("items"), list):
        yield from ((f"items[{number}]", item) for number, item in enumerate(value["items"]))
    else:
        yield "", value


def shown(source: str) -> str:
    """The file, short where it lies below the current folder."""
    if source == STDIN:
        return "standard input"
    path = Path(source)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else source
