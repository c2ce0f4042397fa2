"""Room for archives: a cache that grows past its disk takes the gateway down with it."""

import contextlib
from operator import itemgetter
from pathlib import Path

#: Bytes. Inline code is smaller than this, and once its resource has changed it may be nowhere else.
_SMALL = 256 * 1024


def make_room(root: Path, limit: int) -> None:
    """Remove archives until they have at most `limit` bytes: those used longest ago, small ones last of all.

    Below `root` each namespace has a folder of its own.
    """
    found: list[tuple[bool, float, int, Path]] = []
    for path in root.glob("*/??/*"):
        with contextlib.suppress(FileNotFoundError):
            stat = path.stat()
            found.append((stat.st_size <= _SMALL, stat.st_mtime, stat.st_size, path))
    excess = sum(size for _, _, size, _ in found) - limit
    for _, _, size, path in sorted(found, key=itemgetter(0, 1)):
        if excess <= 0:
            return
        path.unlink(missing_ok=True)
        excess -= size
