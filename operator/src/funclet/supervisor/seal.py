"""What code was when it was unpacked, so that no later process runs anything else; blocks, as `fetch` does.

The function's user owns the files, and perhaps may write the folder: modes keep it from nothing. But it cannot
set the time of an inode's last change, and every content, name or mode that it changes moves that on.
"""

from __future__ import annotations

import os
import time

from funclet.supervisor.digest import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

#: the clock that file systems read, some milliseconds coarse; the standard library has no name for it
_CLOCK_REALTIME_COARSE = 5
_TICK = 0.001


def seal(folder: str) -> bytes:
    """Return what is to be remembered of a folder that nobody changes at the moment, less than 100 bytes.

    Whatever is changed from now on is told from what was there by its time alone.
    """
    newest = max(found.st_ctime_ns for _, _, found in _everything(folder))
    while time.clock_gettime_ns(_CLOCK_REALTIME_COARSE) <= newest:
        time.sleep(_TICK)
    return b"%d %b" % (newest, _digest(folder))


def restore(folder: str, sealed: bytes) -> bool:
    """Remove what came later, such as caches. False if what was there is not, or not all of it, there as it was.

    No process that could change the folder may run.
    """
    newest, digest = sealed.split(b" ")
    _remove_later(folder, int(newest))
    return _digest(folder) == digest


def _everything(folder: str) -> Iterator[tuple[str, bool, os.stat_result]]:
    """Each path in the folder, itself included, with whether it is a folder; links are not followed."""
    yield "", True, os.stat(folder, follow_symlinks=False)  # noqa: PTH116 - pathlib costs milliseconds of a cold start
    for path, folders, files, descriptor in os.fwalk(folder):
        inner = path[len(folder) :]
        for name in folders:
            yield f"{inner}/{name}", True, os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        for name in files:
            yield f"{inner}/{name}", False, os.stat(name, dir_fd=descriptor, follow_symlinks=False)


def _digest(folder: str) -> bytes:
    """Names, and of files what tells one from another. Content is not read: it has not changed since its time."""
    lines = sorted(
        f"{path}\0" if is_folder else f"{path}\0{found.st_ino} {found.st_size} {found.st_mode}"
        for path, is_folder, found in _everything(folder)
    )
    return sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest().encode()


def _remove_later(folder: str, newest: int) -> None:
    for _, folders, files, descriptor in os.fwalk(folder, topdown=False):
        for name in (*files, *folders):
            if os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_ctime_ns > newest:
                _remove(name, descriptor)


def _remove(name: str, descriptor: int) -> None:
    """Remove a file, a link or an empty folder; what cannot be removed is found by whoever looks next."""
    for remove in (os.unlink, os.rmdir):
        try:
            remove(name, dir_fd=descriptor)
        except OSError:
            continue
        return
