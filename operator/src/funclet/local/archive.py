"""A folder of code as an archive: the same files always give the same bytes."""

import hashlib
import io
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

_LEFT_OUT = frozenset({"__pycache__", ".git", ".hg", ".svn", ".DS_Store"})
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip can name


class ArchiveError(Exception):
    """The code cannot be read; the message names the path."""


def read_code(path: Path) -> bytes:
    """The archive at `path`, or made of the folder there. Raises ArchiveError."""
    try:
        return pack_folder(path) if path.is_dir() else path.read_bytes()
    except OSError as error:
        raise ArchiveError(f"{path}: {error.strerror or error}") from error


def pack_folder(folder: Path) -> bytes:
    """All regular files below the folder, sorted, with fixed times, 0644 or 0755."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in _files(folder):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _EPOCH)
            executable = file.stat().st_mode & 0o111
            entry.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes())
    return buffer.getvalue()


def sha256(data: bytes) -> str:
    """Hex."""
    return hashlib.sha256(data).hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if not _LEFT_OUT.intersection(parts) and path.is_file():
            yield path
