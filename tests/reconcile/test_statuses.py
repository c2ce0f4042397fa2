"""A status is written where that changes something, and not for what others say in it."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from funclet.kube.port import Object
from funclet.local.kube.store import LocalKube
from funclet.plan.plan import Key
from funclet.reconcile.loop import Reconciler
from support.kubes import until
from support.loops import GREET, running, settled
from support.objects import function_manifest


class CountingKube(LocalKube):
    """A store that counts what is said in statuses."""

    said = 0

    async def patch_status(self, key: Key, status: Mapping[str, Any], *, manager: str) -> Object:
        self.said += manager == "funclet"
        return await super().patch_status(key, status, manager=manager)


async def looked_at(reconciler: Reconciler, times: int) -> None:
    for _ in range(times):
        reconciler.poke(GREET)
        await asyncio.sleep(0)
        await until(lambda: reconciler.idle)


@pytest.mark.parametrize(
    "theirs",
    [
        {"conditions": [{"type": "Mine", "status": "True", "reason": "X", "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
        {"publication": {"version": "1", "settingsHash": "x"}, "unusedVersion": 7},
    ],
    ids=["a condition", "fields"],
)  # fmt: skip
async def test_what_others_say_in_a_status_is_answered_once_at_most(
    tmp_path: Path, theirs: dict[str, Any]
) -> None:
    kube = CountingKube()
    async with running(kube, tmp_path) as reconciler:
        await kube.apply(function_manifest(), manager="user")
        await settled(kube, reconciler, GREET)
        before = kube.said
        await kube.patch_status(GREET, theirs, manager="somebody")
        await looked_at(reconciler, 5)
        assert kube.said <= before + 1
        # What is Funclet's own is put right as ever.
        await kube.patch_status(GREET, {**theirs, "instances": 99}, manager="somebody")
        await until(lambda: kube.table.live(GREET).object["status"]["instances"] == 0)
