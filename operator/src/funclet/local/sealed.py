"""Folders that nobody is to write to, and whether somebody did all the same: root may, whatever their modes say."""

import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

#: where Python keeps what it compiled. It stays writable, so that no start compiles a library anew, and is not looked
#: at: Python itself compares it with the source.
_COMPILED = "__pycache__"
_READ = 0o555

Seen = Mapping[str, tuple[int, ...]]
"""Each path, with what changes when a file does; nothing for a folder."""


def seal(folder: Path) -> None:
    """Take the right to write away from all that is below the folder, and from itself."""
    for path, _, files in os.walk(folder, topdown=False):
        where = Path(path)
        if where.name == _COMPILED:
            continue
        if any(name.endswith(".py") for name in files) and not (where / _COMPILED).exists():
            (where / _COMPILED).mkdir()
        for name in files:
            (where / name).chmod(stat.S_IMODE((where / name).stat().st_mode) & _READ)
        where.chmod(_READ)


def look(folder: Path) -> Seen:
    """What is below the folder. Raises OSError where it is not there."""
    seen: dict[str, tuple[int, ...]] = {}
    pending = [str(folder)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != _COMPILED:
                        seen[entry.path] = ()
                        pending.append(entry.path)
                else:
                    seen[entry.path] = _stamp(entry.stat(follow_symlinks=False))
    return seen


def remove(folder: Path) -> None:
    """Remove the folder and all below it, sealed or not, as far as it can be removed."""
    for path, _, _ in os.walk(folder):
        # Whoever owns a folder may take it back.
        Path(path).chmod(stat.S_IRWXU)
    shutil.rmtree(folder, ignore_errors=True)


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return found.st_mode, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
