"""`funclet local`: gateway, reconcile loop, store and instances in one process, without a cluster."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Coroutine

import uvloop

from funclet.local.app import LocalMode
from funclet.local.console import Console
from funclet.local.manifests import ManifestError
from funclet.local.options import LocalOptions
from funclet.local.own_log import configure_logging
from funclet.local.ports import PortTakenError
from funclet.local.state import StateError

_USAGE = 2


def run(options: LocalOptions) -> int:
    """Serve until SIGINT or SIGTERM; a second signal ends what still runs. Gives the exit status."""
    console = Console()
    configure_logging(console)
    try:
        return uvloop.run(_serve(options, console))
    except (ManifestError, PortTakenError, StateError) as error:
        sys.stderr.write(f"funclet local: {error}\n")
        return _USAGE


async def _serve(options: LocalOptions, console: Console) -> int:
    ending = asyncio.Event()
    at_once = asyncio.Event()

    def stop() -> None:
        (at_once if ending.is_set() else ending).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    local = LocalMode(options, console)
    try:
        await _unless(ending, local.start())
        if not ending.is_set():
            failed = asyncio.create_task(local.failed())
            await _unless(ending, failed)
            if failed.done() and not failed.cancelled():
                console.error(f"funclet local ends: {failed.exception() or failed.result()}")
                return os.EX_SOFTWARE
        console.say("Finishing what runs; once more Ctrl-C ends it at once.")
    finally:
        await _unless(at_once, local.stop())
        await local.close()
    return os.EX_OK


async def _unless(event: asyncio.Event, work: Coroutine[None, None, None] | asyncio.Task[None]) -> None:
    """Do the work, or break it off when the event comes. Raises what the work raises."""
    waiting = asyncio.create_task(event.wait())
    task = asyncio.ensure_future(work)
    await asyncio.wait({waiting, task}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        task.result()
    else:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
