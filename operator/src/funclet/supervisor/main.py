"""Puts a supervisor together: settings, port, runtime process, loop."""

from __future__ import annotations

import os
import sys

from funclet.supervisor import kernel
from funclet.supervisor.gateway_server import GatewayServer
from funclet.supervisor.instance import Instance
from funclet.supervisor.listener import Listener, listen
from funclet.supervisor.log import Log
from funclet.supervisor.log_lines import JsonLines, TextLines
from funclet.supervisor.loop import Loop
from funclet.supervisor.outcome import payload
from funclet.supervisor.settings import Settings, parse
from funclet.supervisor.settings_error import SettingsError
from funclet.supervisor.signals import SIG_IGN, SIGCHLD, SIGHUP, SIGINT, SIGTERM, signal
from funclet.supervisor.sink import Sink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from funclet.supervisor.pod import Pod

_PARENT_CHECK = 5.0


def main(arguments: list[str]) -> int:
    """Run a supervisor. Returns its exit status."""
    parent = os.getppid()
    try:
        settings = parse(_read(arguments))
        hidden = _inherit(settings) if settings.inherit_environment else []
        sock = listen(settings.listen)
        pod = _pod(settings) if settings.in_pod else None
    except (SettingsError, OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"funclet supervisor: {error}\n")
        _leave_word(payload("Runtime.InvalidSettings", str(error)))
        return 1
    loop = Loop()
    log = Log(Sink(loop, 1), JsonLines(settings) if settings.log_json else TextLines(settings))
    instance = Instance(loop, settings, log, os.urandom(8).hex())
    server = GatewayServer(loop, instance, None if pod is None else pod.trust)
    instance.abandon = server.abandon
    instance.sending = lambda: server.sending
    _take_signals(loop, instance, settings, parent)
    _close_on_exec()
    # Before there is a function that could look, or leave orphans.
    kernel.hide_memory()
    if os.getpid() != 1:
        kernel.adopt_orphans()
    if settings.parent_death:
        kernel.tell_parent_death(SIGHUP)
    if pod is not None:
        pod.take_part(loop, instance, server)
    instance.start()
    listener = Listener(loop, sock, server.accepted)
    if pod is not None:
        pod.announce(loop, listener.port)
    if settings.parent_death:
        _watch_parent(loop, instance, parent)
    status = loop.run()
    _leave_word(instance.init_error, hidden)
    log.finish()
    listener.close()
    if settings.listen.startswith("unix:"):
        os.unlink(settings.listen[5:])  # noqa: PTH108 - pathlib costs milliseconds of a cold start
    return status


def _read(arguments: list[str]) -> str:
    if len(arguments) != 2 or arguments[0] != "--settings":  # noqa: PLR2004 - the option and its value
        raise SettingsError("usage: --settings FILE, where - is standard input, or --settings env:NAME")
    if arguments[1].startswith("env:"):
        from funclet.supervisor.own_environment import variable  # noqa: PLC0415 - only a pod needs it

        return variable(os.environ, arguments[1][4:])
    with open(0 if arguments[1] == "-" else arguments[1], "rb") as file:  # noqa: PTH123 - as in main
        return file.read().decode()


def _inherit(settings: Settings) -> list[str]:
    """Pass the own environment on; returns the values that it alone holds: what Secrets and ConfigMaps gave."""
    from funclet.supervisor.own_environment import passed_on  # noqa: PLC0415 - only a pod needs it

    own = passed_on()
    if "PATH" in own:
        # By this one, which the launcher hid like all others, the C library finds the runtime's command.
        os.environ["PATH"] = own["PATH"]
    hidden = [value for name, value in own.items() if name not in settings.environment]
    settings.environment = {**own, **settings.environment}
    return hidden


def _pod(settings: Settings) -> Pod:
    from funclet.supervisor.pod import Pod  # noqa: PLC0415 - only a pod needs it

    return Pod(settings)


def _leave_word(error: bytes | None, hidden: Sequence[str] = ()) -> None:
    """Have Kubernetes keep why this supervisor could not do its work."""
    if error is not None:
        from funclet.supervisor.termination import tell  # noqa: PLC0415 - only a failure needs it

        tell(error, hidden=hidden)


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


def _watch_parent(loop: Loop, instance: Instance, parent: int) -> None:
    """End when the parent has: it may have done so before the kernel was asked to tell."""
    if os.getppid() != parent:
        instance.end_now()
    else:
        loop.call_later(_PARENT_CHECK, lambda: _watch_parent(loop, instance, parent))
