"""Starting the runtime process, and ending it with everything that came of it."""

from __future__ import annotations

import os

from funclet.supervisor.outcome import Fault
from funclet.supervisor.signals import SIGKILL

#: whom the kernel would rather kill than the supervisor when memory runs out; in a pod the latter may be past the first
_OOM_SCORE, _HIGHEST_OOM_SCORE = 500, 1000
_LAST_SIGNAL = 64
_UNCATCHABLE = {9, 19}
#: reserved by the C library
_INTERNAL_SIGNALS = {32, 33}


class SpawnError(Exception):
    """The runtime process could not be started; `fault` says so in Lambda's words."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def spawn(
    command: list[str], environment: dict[str, str], working_directory: str, log: int, inherited: list[int]
) -> int:
    """Start a process in a session of its own. Returns its pid. Raises SpawnError.

    Its output goes to `log`; it has the descriptors `inherited` under the same numbers.
    """
    for descriptor in inherited:
        os.set_inheritable(descriptor, True)
    try:
        os.chdir(working_directory)
    except OSError as error:
        raise SpawnError(_told("Runtime.InvalidWorkingDir", "chdir", working_directory, error)) from None
    try:
        pid = os.posix_spawnp(
            command[0],
            command,
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=[
                number
                for number in range(1, _LAST_SIGNAL + 1)
                if number not in _UNCATCHABLE and number not in _INTERNAL_SIGNALS
            ],
        )
    except (OSError, ValueError) as error:
        raise SpawnError(_told("Runtime.InvalidEntrypoint", "fork/exec", command[0], error)) from None
    return pid


def _told(error_type: str, action: str, path: str, error: Exception) -> Fault:
    """Go's way of saying it, which is Lambda's."""
    number = error.errno if isinstance(error, OSError) else None
    reason = os.strerror(number).lower() if number else str(error)
    return Fault(error_type, f"{action} {path}: {reason}")


def prefer_to_kill(pid: int) -> bool:
    """Have the kernel rather kill `pid` when memory runs out. False if that may not be said yet.

    A process belongs to root until it runs its own program: it begins as a copy of one that is hidden.
    """
    try:
        score = os.open(f"/proc/{pid}/oom_score_adj", os.O_RDWR | os.O_CLOEXEC)
    except PermissionError:
        return False
    except OSError:
        return True
    try:
        inherited = int(os.read(score, 16))
        os.write(score, b"%d" % (_OOM_SCORE if inherited < _OOM_SCORE else _HIGHEST_OOM_SCORE))
    except (OSError, ValueError):
        pass
    finally:
        os.close(score)
    return True


def descendants(pid: int) -> list[int]:
    """All processes that descend from `pid`, without itself."""
    found: list[int] = []
    queue = [pid]
    while queue:
        below = children(queue.pop())
        found += below
        queue += below
    return found


def children(pid: int) -> list[int]:
    """All children of `pid`, ended ones that nobody has collected among them."""
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - pathlib costs milliseconds of a cold start
    except OSError:
        return found
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb", 0) as listing:  # noqa: PTH123 - as above
                found += map(int, listing.read().split())
        except OSError:
            continue
    return found


def kill_descendants() -> None:
    """Send SIGKILL to every process that descends from this one, as far as they can be seen now."""
    # As the init process of a container, it alone is spared by the kernel: -1 is everybody else, at one stroke.
    targets = [-1] if os.getpid() == 1 else descendants(os.getpid())
    for pid in targets:
        try:
            os.kill(pid, SIGKILL)
        except OSError:
            continue


def reap() -> tuple[list[tuple[int, int]], bool]:
    """Collect ended children: (pid, status) of each, and whether any process is left.

    With orphans handed to this process by the kernel, nobody being left means that no descendant is.
    """
    ended: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended, False
        if pid == 0:
            return ended, True
        ended.append((pid, status))
