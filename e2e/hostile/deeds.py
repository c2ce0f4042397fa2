"""The function's code: does what the event names, and answers with what came of it. The standard library alone."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

MEGABYTE = 1 << 20
#: more than any pod may have; where nothing else stops it, this does
MOST_PROCESSES, MOST_THREADS, MOST_FILES, MOST_BYTES = 2_000, 10_000, 1_000_000, 4 << 30
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105  # a path
STEP = 3.0


def handler(event: dict[str, Any], _context: object) -> Any:
    """Do one deed."""
    return DEEDS[event["deed"]](**event.get("with", {}))


def forks() -> dict[str, Any]:
    """Fork until that fails."""
    children: list[int] = []
    failed = None
    try:
        while len(children) < MOST_PROCESSES:
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
            children.append(child)
    except OSError as error:
        failed = error.errno
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return {"made": len(children), "errno": failed}


def bomb() -> None:
    """Fork in every process, for ever."""
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.05)


def threads() -> dict[str, Any]:
    """Start threads until that fails."""
    go = threading.Event()
    made, failed = 0, ""
    try:
        while made < MOST_THREADS:
            threading.Thread(target=go.wait, daemon=True).start()
            made += 1
    except RuntimeError as error:
        failed = str(error)
    go.set()
    return {"made": made, "said": failed}


def fill() -> dict[str, Any]:
    """Write to /tmp until it is full."""
    path, written, failed = Path("/tmp/full"), 0, None  # noqa: S108  # the function's own
    try:
        with path.open("wb", buffering=0) as file:
            while written < MOST_BYTES:
                written += file.write(bytes(MEGABYTE))
    except OSError as error:
        failed = error.errno
    path.unlink()
    return {"bytes": written, "errno": failed}


def litter() -> dict[str, Any]:
    """Make a million small files in /tmp."""
    made, failed = 0, None
    folder = Path("/tmp/litter")  # noqa: S108  # the function's own
    folder.mkdir(exist_ok=True)
    try:
        while made < MOST_FILES:
            os.close(os.open(f"{folder}/{made}", os.O_CREAT | os.O_WRONLY))
            made += 1
    except OSError as error:
        failed = error.errno
    return {"made": made, "errno": failed}


def talk(host: str, port: int, lines: list[str]) -> str:
    """What a port says to each of these requests, and before them; `unreachable` where nobody takes the connection."""
    said = ""
    for line in lines:
        try:
            with socket.create_connection((host, port), STEP) as sock:
                sock.settimeout(STEP)
                sock.sendall(line.encode())
                said += _all_of(sock)
        except OSError:
            said += "unreachable\n"
    return said


def _all_of(sock: socket.socket) -> str:
    said = b""
    with contextlib.suppress(OSError):
        while piece := sock.recv(65_536):
            said += piece
    return said.decode("latin-1")


def api_server(host: str, paths: list[str]) -> dict[str, Any]:
    """The status that the API server gives to each path without a token; 0 where it cannot be reached."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    statuses = {}
    for path in paths:
        try:
            with urllib.request.urlopen(f"https://{host}{path}", timeout=STEP, context=context) as answer:
                statuses[path] = answer.status
        except urllib.error.HTTPError as refused:
            statuses[path] = refused.code
        except OSError:
            statuses[path] = 0
    return {"statuses": statuses, "token": Path(TOKEN).exists()}


def places(paths: list[str]) -> dict[str, Any]:
    """What comes of writing to each path; `read-only` says whether the root file system is."""
    outcomes: dict[str, int | None] = {}
    for path in paths:
        try:
            with Path(path).open("w") as file:
                file.write("x")
            outcomes[path] = None
        except OSError as error:
            outcomes[path] = error.errno
    return {"read-only": bool(os.statvfs("/").f_flag & os.ST_RDONLY), "errno": outcomes}


def replace() -> list[str]:
    """Put other code in the place of this function's."""
    path, other = Path("/var/task/app.py"), Path("/var/task/other.py")
    try:
        other.write_text("def handler(event, context):\n    return 'replaced'\n", "utf-8")
        other.replace(path)
    except OSError as error:
        return [type(error).__name__]
    return []


def look(names: list[str]) -> dict[str, Any]:
    """These variables, and what can be read of the first process."""
    seen = []
    for name in ("environ", "maps", "mem"):
        with contextlib.suppress(OSError):
            Path(f"/proc/1/{name}").open("rb").close()
            seen.append(name)
    return {"variables": {name: os.environ.get(name) for name in names}, "of the first process": seen}


DEEDS: dict[str, Callable[..., Any]] = {
    "forks": forks,
    "bomb": bomb,
    "threads": threads,
    "fill": fill,
    "litter": litter,
    "talk": talk,
    "api_server": api_server,
    "places": places,
    "replace": replace,
    "look": look,
    "nothing": lambda: "there",
}
