"""The examples as tests see them: their manifests, and their handlers without Funclet."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
EXAMPLES = CHECKOUT / "examples"

Handler = Callable[[Any, Any], Any]


def manifests(file: str) -> list[dict[str, Any]]:
    """Read all objects of an example's manifest, such as `greet.yaml`."""
    return list(yaml.safe_load_all((EXAMPLES / file).read_text(encoding="utf-8")))


def manifest(file: str, name: str) -> dict[str, Any]:
    """Read one object of an example's manifest."""
    (found,) = [document for document in manifests(file) if document["metadata"]["name"] == name]
    return found


def inline_handler(document: dict[str, Any]) -> Handler:
    """Take a Python handler out of inline code."""
    module, _, function = document["spec"]["handler"].rpartition(".")
    namespace: dict[str, Any] = {"__name__": module}
    exec(document["spec"]["code"]["inline"][f"{module}.py"], namespace)  # noqa: S102  # our own example
    handler: Handler = namespace[function]
    return handler


def import_file(path: Path) -> ModuleType:
    """Import a Python file under a name of its own, leaving no bytecode beside it."""
    spec = importlib.util.spec_from_file_location(f"example_{path.parent.parent.name}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    keep, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = keep
    return module
