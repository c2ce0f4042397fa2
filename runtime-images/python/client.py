"""Compiles the runtime client for this image's Python, and writes the program that runs it. Part of the build."""

import py_compile
import sys
from pathlib import Path

BUNDLE = Path("/funclet")
sys.path.append(str(BUNDLE / "app"))

import launcher  # noqa: E402 - found where the supervisor image has put it

client = str(BUNDLE / "app/client.pyc")
py_compile.compile(
    str(BUNDLE / "app/funclet/supervisor/clients/python.py"),
    cfile=client,
    dfile=client,
    doraise=True,
    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
)
launcher.write(BUNDLE / "bin/runtime-python", [sys.executable, "-s", client])
Path(__file__).unlink()
