"""Lua, as Argo CD's health scripts are written in it: by the package `lupa`, or by an interpreter of the machine."""

import importlib
import importlib.util
import json
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

_INTERPRETERS = ("lua", "lua5.4", "lua5.3", "lua5.1", "luajit", "texlua")


def run_health(script: str, obj: Mapping[str, Any]) -> tuple[str, str]:
    """Run a health script on an object; its status and message. Skips the test where there is no Lua."""
    program = f"local obj = {_literal(obj)}\nlocal health = (function()\n{script}\nend)()\n"
    if importlib.util.find_spec("lupa"):
        runtime = importlib.import_module("lupa").LuaRuntime()
        status, message = runtime.execute(program + "return health.status, health.message")
        return str(status), str(message)
    interpreter = next((path for name in _INTERPRETERS if (path := shutil.which(name))), None)
    if interpreter is None:
        pytest.skip("neither the package lupa nor a Lua interpreter is installed")
    program += 'io.write(health.status, "\\n", health.message)'
    done = subprocess.run([interpreter, "-"], input=program, capture_output=True, text=True, check=True)
    status, _, message = done.stdout.partition("\n")
    return status, message


def _literal(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"[{_literal(key)}] = {_literal(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ", ".join(map(_literal, value)) + "}"
    return "nil" if value is None else json.dumps(value)
