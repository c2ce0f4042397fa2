"""Puts a supervisor together: settings, port, runtime process, loop."""

from __future__ import annotations

import os
import sys

from funclet.supervisor.gateway_server import GatewayServer
from funclet.supervisor.instance import Instance
from funclet.supervisor.listener import Listener, listen
from funclet.supervisor.log import Log
from funclet.supervisor.log_lines import JsonLines, TextLines
from funclet.supervisor.loop import Loop
from funclet.supervisor.settings import Settings, SettingsError, parse
from funclet.supervisor.signals import SIG_IGN, SIGCHLD, SIGHUP, SIGINT, SIGTERM, signal
from funclet.supervisor.sink import Sink

_PARENT_CHECK = 5.0


def main(arguments: list[str]) -> int:
    """Run a supervisor. Returns its exit status."""
    parent = os.getppid()
    try:
        settings = parse(_read(arguments))
        sock = listen(settings.listen)
    except (SettingsError, OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"funclet supervisor: {error}\n")
        return 1
    loop = Loop()
    log = Log(Sink(loop, 1), JsonLines(settings) if settings.log_json else TextLines(settings))
    instance = Instance(loop, settings, log, os.urandom(8).hex())
    server = GatewayServer(loop, instance)
    instance.abandon = server.abandon
    instance.sending = lambda: server.sending
    _take_signals(loop, instance, settings, parent)
    _close_on_exec()
    instance.start()
    listener = Listener(loop, sock, server.accepted)
    _ask_the_kernel(loop, instance, settings, parent)
    status = loop.run()
    log.finish()
    listener.close()
    if settings.listen.startswith("unix:"):
        os.unlink(settings.listen[5:])  # noqa: PTH108 - pathlib costs milliseconds of a cold start
    return status


def _read(arguments: list[str]) -> str:
    if len(arguments) != 2 or arguments[0] != "--settings":  # noqa: PLR2004 - the option and its value
        raise SettingsError("usage: --settings FILE, where - is standard input")
    with open(0 if arguments[1] == "-" else arguments[1], "rb") as file:  # noqa: PTH123 - as in main
        return file.read().decode()


def _take_signals(loop: Loop, instance: Instance, settings: Settings, parent: int) -> None:
    """Have signals wake the loop, which does what they ask for."""

    def ignore(_number: int, _frame: object) -> None:
        """Nothing: the loop is woken."""

    def signalled(numbers: bytes) -> None:
        if SIGTERM in numbers or SIGINT in numbers:
            instance.drain()
        if SIGHUP in numbers and settings.parent_death and os.getppid() != parent:
            instance.end_now()
        instance.children_ended()

    loop.on_signals = signalled
    signal(SIGCHLD, ignore)
    signal(SIGTERM, ignore)
    signal(SIGHUP, ignore)
    # On a laptop Ctrl-C reaches all processes of the terminal; the parent decides what it means.
    signal(SIGINT, SIG_IGN if settings.parent_death else ignore)


def _close_on_exec() -> None:
    """Keep whatever was inherited from reaching the function."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - as in main
        descriptor = int(name)
        if descriptor > 2:  # noqa: PLR2004 - standard input, output, error
            try:
                os.set_inheritable(descriptor, False)
            except OSError:
                continue


def _ask_the_kernel(loop: Loop, instance: Instance, settings: Settings, parent: int) -> None:
    """Adopt orphans, hide, and follow the parent; after the runtime's start, which does not wait for it."""
    from funclet.supervisor import kernel  # noqa: PLC0415 - ctypes costs milliseconds that the runtime starts in

    if os.getpid() != 1:
        kernel.adopt_orphans()
    kernel.hide_memory()
    if settings.parent_death:
        kernel.tell_parent_death(SIGHUP)
        _watch_parent(loop, instance, parent)


def _watch_parent(loop: Loop, instance: Instance, parent: int) -> None:
    """End when the parent has: it may have done so before the kernel was asked to tell."""
    if os.getppid() != parent:
        instance.end_now()
    else:
        loop.call_later(_PARENT_CHECK, lambda: _watch_parent(loop, instance, parent))
