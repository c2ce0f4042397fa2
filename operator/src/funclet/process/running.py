"""How every process on a cluster runs: listeners, signals, parts that must never end."""

import asyncio
import signal
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import web


async def listen(app: web.Application, host: str, port: int, **options: Any) -> web.AppRunner:
    """Serve an application; `options` are AppRunner's. Raises OSError where the port is taken."""
    runner = web.AppRunner(app, access_log=None, **options)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner


async def until_stopped(stop: asyncio.Event, parts: Iterable[asyncio.Task[None]]) -> None:
    """Wait for `stop`. Raises whatever ends a part before, RuntimeError where one simply ended."""
    stopping = asyncio.create_task(stop.wait(), name="stop")
    done, _ = await asyncio.wait({stopping, *parts}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    for task in done - {stopping}:
        task.result()
        raise RuntimeError(f"{task.get_name()} ended by itself")


def on_end_signals(stop: Callable[[], None]) -> None:
    """Call `stop` on SIGTERM and SIGINT, from now on."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
