"""Objects as files that survive a power cut: STATE/objects/KIND/NAMESPACE/NAME.json."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from funclet.kube.objects import key_of
from funclet.kube.port import Object
from funclet.local.kube.fields import Owners
from funclet.plan.plan import Key
from funclet.store.blobs import sync_folder

_PARTIAL = ".partial"
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Stored:
    """An object, and who applied which of its leaves."""

    object: Object
    owners: Owners


class ObjectFiles:
    """One file for each object; a file is whole, old or new, at any instant. The methods block."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    def load(self) -> tuple[list[Stored], list[str]]:
        """Read all objects; and a sentence for each file that cannot be read and was set aside as .corrupt."""
        for left in self._root.rglob(f"*{_PARTIAL}"):
            left.unlink()
        stored, problems = [], []
        for path in sorted(self._root.rglob("*.json")):
            try:
                stored.append(self._read(path))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                aside = _set_aside(path)
                problems.append(f"{path} is damaged ({error}); it was set aside as {aside.name}")
        return stored, problems

    def _read(self, path: Path) -> Stored:
        content = json.loads(path.read_bytes())
        owners = {name: frozenset(map(tuple, paths)) for name, paths in content["owners"].items()}
        stored = Stored(content["object"], owners)
        if self._path(key_of(stored.object)) != path:
            raise ValueError("it holds another object than its name says")
        # A stored object has both, whatever else is in it.
        _ = int(stored.object["metadata"]["resourceVersion"]), stored.object["metadata"]["uid"]
        return stored

    def write(self, key: Key, stored: Stored) -> None:
        """Keep an object: on the disk when this returns. Raises OSError; then the old one is still there."""
        path = self._path(key)
        self._make_folder(path.parent)
        partial = path.with_name(path.name + _PARTIAL)
        with partial.open("wb") as file:
            file.write(_encode(stored))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)

    def remove(self, key: Key) -> None:
        """Forget an object: gone from the disk when this returns. Raises OSError."""
        path = self._path(key)
        path.unlink(missing_ok=True)
        sync_folder(path.parent)

    def _path(self, key: Key) -> Path:
        name = key.name
        if len(name) > _LONGEST_NAME:
            name = f"{name[:_LONGEST_NAME]}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"
        return self._root / key.kind / key.namespace / f"{name}.json"

    def _make_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            for each in (folder.parent, self._root):
                sync_folder(each)


def _encode(stored: Stored) -> bytes:
    content: dict[str, Any] = {
        "object": stored.object,
        "owners": {name: sorted(paths) for name, paths in stored.owners.items()},
    }
    return json.dumps(content, indent=1).encode() + b"\n"


def _set_aside(path: Path) -> Path:
    for number in range(1000):
        aside = path.with_name(path.name + (f".{number}" if number else "") + ".corrupt")
        if not aside.exists():
            break
    path.replace(aside)
    return aside
