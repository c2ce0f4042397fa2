"""Evaluate the CEL of a rule as an API server does, with the Python engine.

The engine knows the language and its standard functions. Those that Kubernetes adds are stood in for here by
a few lines each; `stand_ins` tells which of them an expression needs.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import celpy
from celpy import celtypes
from celpy.adapter import json_to_cel

_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def _sum(numbers: Iterable[celtypes.IntType]) -> celtypes.IntType:
    return celtypes.IntType(sum(numbers))


def _quantity(text: celtypes.StringType) -> celtypes.IntType:
    parts = re.fullmatch("([0-9]+)(|k|M|G|Ki|Mi|Gi)", text)
    if parts is None:
        raise ValueError(f"{text} is not a quantity")
    return celtypes.IntType(min(int(parts[1]) * _UNITS[parts[2]], 2**62))


def _compare(one: celtypes.IntType, other: celtypes.IntType) -> celtypes.IntType:
    return celtypes.IntType((one > other) - (one < other))


_STAND_INS: dict[str, Callable[..., celtypes.Value]] = {
    "sum": _sum,
    "quantity": _quantity,
    "compareTo": _compare,
}


def stand_ins(expression: str) -> tuple[str, ...]:
    """Tell which functions of an expression the engine does not know by itself."""
    return tuple(name for name in _STAND_INS if f"{name}(" in expression)


@cache
def _program(expression: str) -> celpy.Runner:
    environment = celpy.Environment()
    return environment.program(environment.compile(expression), functions=dict(_STAND_INS))


def evaluate(expression: str, **variables: Any) -> Any:
    """Evaluate an expression on JSON values, such as self and oldSelf."""
    context = {name: json_to_cel(value) for name, value in variables.items()}
    return _program(expression).evaluate(context)
