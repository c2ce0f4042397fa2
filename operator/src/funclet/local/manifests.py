"""Manifests as they lie on disk: files, folders, standard input; several documents a file."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

#: in a folder; JSON there is rather some tool's configuration, and is read where it is named
SUFFIXES = frozenset({".yaml", ".yml"})
STDIN = "-"
_MAX_BYTES = 2 << 20
_MAX_NODES = 20_000


class ManifestError(Exception):
    """A manifest cannot be read; the message names file, line and what is wrong."""


@dataclass(frozen=True, slots=True)
class Document:
    """One object of a manifest, as it was written. `line` counts from 1."""

    source: str
    line: int
    body: dict[str, Any]

    @property
    def place(self) -> str:
        """Where to look."""
        return f"{self.source}:{self.line}"

    @property
    def folder(self) -> Path:
        """What relative paths in it are relative to."""
        return Path.cwd() if self.source == STDIN else Path(self.source).parent


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
            raise ManifestError(f"{source}: a manifest may have at most {_MAX_BYTES} bytes")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise ManifestError(f"{source}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{source}: the manifest is not UTF-8 (byte {error.start})") from error


def parse(source: str, text: str) -> list[Document]:
    """The objects of a manifest, of whatever kind.

    Raises ManifestError for what is not YAML, not an object, or has a key twice.
    """
    documents = []
    try:
        for node in yaml.compose_all(text, Loader=_Loader):
            if isinstance(node, yaml.ScalarNode) and not node.value:
                continue
            _bound(source, node)
            body = _construct(node)
            if not isinstance(body, dict):
                raise ManifestError(
                    f"{source}:{node.start_mark.line + 1}: a manifest is an object with apiVersion and kind"
                )
            documents.append(Document(source, node.start_mark.line + 1, body))
    except yaml.YAMLError as error:
        raise ManifestError(_sentence(source, error)) from error
    except RecursionError as error:
        raise ManifestError(f"{source}: the manifest is nested too deeply") from error
    return documents


class _Loader(yaml.SafeLoader):
    """YAML without dates (they would not be JSON) and without keys given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  # PyYAML's signature
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _refused(key_node, f"the key {key!r} is not a text")
            if key in seen:
                raise _refused(key_node, f"the key {key!r} stands there twice")
            seen.add(key)
        return super().construct_mapping(node, deep)


def _refused(node: yaml.Node, problem: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _construct(node: yaml.Node) -> Any:
    loader = _Loader("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _bound(source: str, root: yaml.Node) -> None:
    """Count nodes with every alias written out, so that a small file cannot become a huge object."""
    count = 0
    pending: list[yaml.Node] = [root]
    while pending:
        node = pending.pop()
        count += 1
        if count > _MAX_NODES:
            raise ManifestError(
                f"{source}: the manifest has more than {_MAX_NODES} values, aliases written out"
            )
        if isinstance(node, yaml.SequenceNode):
            pending.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            pending.extend(part for pair in node.value for part in pair)


def _sentence(source: str, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"{source}:{mark.line + 1}: {problem}" if mark else f"{source}: {problem}"
