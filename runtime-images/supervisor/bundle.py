"""Gathers a supervisor that runs in any image: a CPython of its own, its library, loader and C library.

Runs in the image that they are taken from. What the supervisor imports decides what is taken, so nothing
is listed here that a new version of Python could rename.

Usage: python bundle.py PACKAGES FOLDER, where PACKAGES/funclet is the package and FOLDER the result. It runs as
/funclet: that path is written into its programs.
"""

import json
import os
import py_compile
import shutil
import struct
import subprocess
import sys
import sysconfig
from pathlib import Path

import launcher

HOME = "/funclet"
_INTERPRETER_SEGMENT = 3
_LIBRARY = Path(sysconfig.get_path("stdlib")).resolve()
#: run by the interpreter that is bundled: imports all that the supervisor ever does, and says what that is
_CLOSURE = """
import importlib, json, pathlib, sys
root = pathlib.Path(sys.argv[1])
sys.path.append(str(root))
for path in sorted((root / "funclet/supervisor").glob("*.py")):
    if path.stem != "__main__":
        importlib.import_module(f"funclet.supervisor.{path.stem}")
for name in ("py_compile", "traceback", "struct", "pathlib", "sysconfig"):
    importlib.import_module(name)
for codec in ("ascii", "latin-1", "utf-8", "cp437", "utf-16"):
    "".encode(codec)
files = {m.__spec__.origin for m in list(sys.modules.values()) if getattr(m, "__spec__", None) and m.__spec__.has_location}
files |= {m.__file__ for m in list(sys.modules.values()) if getattr(m, "__file__", None)}
print(json.dumps(sorted(f for f in files if not f.startswith(str(root)))))
"""


def main(packages: Path, folder: Path) -> None:
    """Make the bundle."""
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python3"
    shutil.copyfile(os.path.realpath(sys.executable), python)
    python.chmod(0o755)
    modules = _copy_library(packages, folder)
    _copy_shared_libraries([Path(sys.executable), *modules], folder / "lib")
    application = folder / "app"
    for file in (packages / "funclet").glob("__init__.py"):
        _copy(file, application / "funclet" / file.name)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(packages / "funclet/supervisor", application / "funclet/supervisor", ignore=ignored)
    for name in ("install.py", "launcher.py"):
        _copy(Path(__file__).with_name(name), application / name)
    _compile(folder)
    _write_programs(folder / "bin")


def _copy_library(packages: Path, folder: Path) -> list[Path]:
    """Copy the modules; returns those that are shared libraries."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _CLOSURE, str(packages)],
        check=True,
        stdout=subprocess.PIPE,
    )
    target = folder / "lib" / _LIBRARY.name
    extensions = []
    for name in json.loads(done.stdout):
        source = Path(name).resolve()
        if not source.is_relative_to(_LIBRARY):
            raise SystemExit(f"{source} is not in {_LIBRARY}")
        _copy(source, target / source.relative_to(_LIBRARY))
        if source.suffix == ".so":
            extensions.append(source)
    (target / "lib-dynload").mkdir(exist_ok=True)
    return extensions


def _copy_shared_libraries(files: list[Path], target: Path) -> None:
    loader = _interpreter(Path(os.path.realpath(files[0])))
    _copy(Path(os.path.realpath(loader)), target / "ld.so", mode=0o755)
    for file in files:
        listed = subprocess.run(
            [loader, "--list", os.path.realpath(file)], check=True, stdout=subprocess.PIPE, text=True
        )
        for line in listed.stdout.splitlines():
            name, arrow, rest = line.strip().partition(" => ")
            if arrow and not name.startswith("/"):
                _copy(Path(rest.rpartition(" (")[0]), target / name)


def _interpreter(program: Path) -> str:
    """The loader that a 64-bit little-endian ELF program names."""
    data = program.read_bytes()
    start, size, count = (
        struct.unpack_from(f, data, at)[0] for f, at in (("<Q", 32), ("<H", 54), ("<H", 56))
    )
    for at in range(start, start + size * count, size):
        if struct.unpack_from("<I", data, at)[0] == _INTERPRETER_SEGMENT:
            offset, length = (
                struct.unpack_from("<Q", data, at + 8)[0],
                struct.unpack_from("<Q", data, at + 32)[0],
            )
            return data[offset : offset + length].rstrip(b"\0").decode()
    raise SystemExit(f"{program} names no loader")


def _copy(source: Path, target: Path, mode: int = 0o644) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)


def _compile(folder: Path) -> None:
    """Compile everything once and for all: nothing can be written where this runs."""
    for source in folder.rglob("*.py"):
        py_compile.compile(
            str(source),
            dfile=f"{HOME}/{source.relative_to(folder)}",
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )


def _write_programs(folder: Path) -> None:
    # The image's own libraries have no say, and what is not for builds sees nothing of its variables.
    loader = [f"{HOME}/lib/ld.so", "--inhibit-cache", "--library-path", f"{HOME}/lib"]
    python = [*loader, f"{HOME}/bin/python3", "-I", "-S", "-X", "utf8"]
    launcher.write(folder / "supervisor", [*python, f"{HOME}/app/funclet/supervisor/__main__.py"], hide=True)
    launcher.write(folder / "install", [*python, f"{HOME}/app/install.py"], hide=True)
    launcher.write(folder / "python", python)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
