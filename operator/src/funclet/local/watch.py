"""Tells when a manifest or the code that it names may have changed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

from watchfiles import awatch

from funclet.local.manifests import STDIN

_STEP_MILLISECONDS = 50
_DEBOUNCE_MILLISECONDS = 200


def places(paths: Iterable[str], code: Iterable[Path]) -> tuple[frozenset[Path], frozenset[Path]]:
    """The folders to watch: with all that is below them, and alone (for a single file in them)."""
    deep: set[Path] = set()
    flat: set[Path] = set()
    for path in [*(Path(path).resolve() for path in paths if path != STDIN), *code]:
        if path.is_dir():
            deep.add(path)
        elif path.parent.is_dir():
            flat.add(path.parent)
    return frozenset(deep), frozenset(flat)


async def changes(paths: tuple[str, ...], code: Callable[[], set[Path]], ignore: Path) -> AsyncIterator[None]:
    """One item for each burst of changes, without end. What lies below `ignore` does not count."""
    changed = asyncio.Event()
    watched: tuple[frozenset[Path], frozenset[Path]] | None = None
    tasks: list[asyncio.Task[None]] = []
    try:
        while True:
            if (now := places(paths, code())) != watched:
                await _end(tasks)
                watched = now
                tasks = [
                    asyncio.create_task(_follow(folders, changed, ignore, recursive=recursive))
                    for folders, recursive in zip(now, (True, False), strict=True)
                    if folders
                ]
                # What changed before the watches stood is not told by them.
                await asyncio.sleep(0)
                changed.set()
            await _either(changed, tasks)
            changed.clear()
            yield
    finally:
        await _end(tasks)


async def _follow(folders: frozenset[Path], changed: asyncio.Event, ignore: Path, *, recursive: bool) -> None:
    async for _ in awatch(
        *folders,
        watch_filter=lambda _, path: not Path(path).is_relative_to(ignore),
        step=_STEP_MILLISECONDS,
        debounce=_DEBOUNCE_MILLISECONDS,
        recursive=recursive,
    ):
        changed.set()


async def _either(changed: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Wait for a change. Raises what ended a watch: none ends by itself."""
    waiting = asyncio.create_task(changed.wait())
    await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    for task in tasks:
        if task.done():
            task.result()


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
