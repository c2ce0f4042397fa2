"""A new leader works once it has seen what the one before wrote."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from funclet.controllers.operator import Operator
from funclet.process.settings import OperatorSettings, read_platform
from support.kubes import until
from support.operators import write_files


class Lease:
    """A Lease that a test gives and takes."""

    def __init__(self) -> None:
        self.held = False
        self.came = asyncio.Event()
        self.terms = 0

    def holds(self, _max_age: float) -> bool:
        return self.held

    async def acquired(self) -> None:
        await self.came.wait()

    def give(self, *, anew: bool = True) -> None:
        self.terms += anew
        self.held = True
        self.came.set()

    def take(self) -> None:
        self.held = False
        self.came.clear()


class SlowLists:
    """An API server whose lists come when a test lets them."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = asyncio.Event()

    async def list(self, kind: str, namespace: str | None = None) -> list[Any]:  # noqa: ARG002 - the port's
        self.asked += 1
        await self.may_answer.wait()
        return []


async def test_everything_is_looked_at_between_the_lease_and_the_first_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in write_files(tmp_path).items():
        monkeypatch.setenv(name, value)
    settings = OperatorSettings(identity="one", namespace="default")
    lists, lease = SlowLists(), Lease()
    kube: Any = lists
    operator = Operator(settings, read_platform(settings.platform), kube)
    held: Any = lease
    operator._leadership = held
    following = asyncio.create_task(operator._follow_lease())
    await asyncio.sleep(0)
    assert lists.asked == 0
    lease.give()
    await until(lambda: lists.asked == 1)
    assert not operator._leads.is_set()
    lists.may_answer.set()
    await until(operator._leads.is_set)
    seen = lists.asked
    lease.take()
    await until(lambda: not operator._leads.is_set())
    lists.may_answer.clear()
    # It was renewed late, and had nobody else meanwhile.
    lease.give(anew=False)
    await until(operator._leads.is_set)
    assert lists.asked == seen
    lease.take()
    await until(lambda: not operator._leads.is_set())
    lease.give()
    await until(lambda: lists.asked > seen)
    assert not operator._leads.is_set()
    # Lost again while it still looked: it does not begin.
    lease.take()
    lists.may_answer.set()
    await until(lambda: lists.asked == 2 * seen)
    assert not operator._leads.is_set()
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following
