"""`funclet local` as a child process that never outlives the demo, and the signals that end both."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from invoking import DemoError

_HOST = "127.0.0.1"
_READY_SECONDS = 30.0
_STOP_SECONDS = 15.0
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Somebody wants the demo to end: Ctrl-C, SIGTERM, or the terminal was closed."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.strsignal(number))
        self.number = number


class Signals:
    """Turns the first SIGINT, SIGTERM or SIGHUP into Interrupted; later ones show in `insisted`."""

    def __init__(self) -> None:
        self.insisted = False
        self._held = False
        self._pending: int | None = None
        self._raised = False
        for number in ENDING:
            signal.signal(number, self._arrived)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Raise what arrives inside only at the end."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._pending is not None and not self._raised:
            self._raised = True
            raise Interrupted(self._pending)

    def ignore(self) -> None:
        """Let nothing disturb the last steps."""
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)

    def _arrived(self, number: int, _frame: FrameType | None) -> None:
        self.insisted = self._pending is not None
        self._pending = number
        if not self._held and not self._raised:
            self._raised = True
            raise Interrupted(number)


class LocalMode:
    """`funclet local` on some manifests, from entering to leaving. `port` serves the Lambda API."""

    def __init__(self, manifests: Sequence[Path], scratch: Path, signals: Signals) -> None:
        self.port = _free_port(8700)
        self._admin_port = _free_port(8701)
        self._log = scratch / "funclet.log"
        self._seen = 0
        self._signals = signals
        self._command = [
            str(Path(sys.executable).with_name("funclet")),
            "local",
            *map(str, manifests),
            f"--port={self.port}",
            f"--admin-port={self._admin_port}",
            f"--state={scratch / 'state'}",
        ]

    def __enter__(self) -> Self:
        """Start it. Raises DemoError where there is no `funclet`."""
        try:
            with self._log.open("wb") as log, self._signals.held():
                # In a session of its own, Ctrl-C reaches the demo alone, which then ends it in good order.
                self._process = subprocess.Popen(  # noqa: S603  # our own command
                    self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
        except OSError as error:
            raise DemoError(f"cannot start {self._command[0]}: {error.strerror}") from error
        except Interrupted:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it and all that it started."""
        with self._signals.held():
            self._stop()

    def wait_until_ready(self) -> None:
        """Return when it serves. Raises DemoError when it ends instead, or after 30 s."""
        deadline = time.monotonic() + _READY_SECONDS
        while not self._is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise DemoError(f"funclet local is not ready after {_READY_SECONDS:.0f} s:\n{self._tail()}")
            time.sleep(0.05)

    def check(self) -> None:
        """Raise DemoError if it has ended."""
        if (status := self._process.poll()) is not None:
            raise DemoError(f"funclet local ended with exit status {status}:\n{self._tail()}")

    def new_lines(self) -> list[str]:
        """Read what it has logged since the last look."""
        with self._log.open("rb") as log:
            log.seek(self._seen)
            lines = [line for line in log if line.endswith(b"\n")]
        self._seen += sum(map(len, lines))
        return [line.decode(errors="replace").rstrip("\r\n") for line in lines]

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection(_HOST, self._admin_port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-20:]) or "(it said nothing)"

    def _stop(self) -> None:
        """Ask it to end; kill what is left after 15 s, or at once if somebody asks again."""
        self._process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline and not self._signals.insisted:
            time.sleep(0.02)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _free_port(wanted: int) -> int:
    """Find out whether this port is free; if not, any other."""
    for port in (wanted, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((_HOST, port))
            return int(probe.getsockname()[1])
    raise DemoError("no port of this machine is free")
