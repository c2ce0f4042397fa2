"""A function that cannot start says why: in its status, in an Event, and to whoever called it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from faults.waiting import until
from ledger.records import Event
from load.invoking import invoking

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl
    from ledger.records import Call
    from release.release import Release

pytestmark = pytest.mark.timeout(300)
# What the issue allows until the status says why.
SECONDS = 60.0
ECHO = "def handler(event, context):\n    return event\n"
MISSING = "localhost/nothing@sha256:" + 64 * "0"
CASES: dict[str, dict[str, Any]] = {
    "ImageUnavailable": {"code": {"image": {"ref": MISSING, "command": ["/bootstrap"]}}},
    "InitFailed": {"code": {"inline": {"app.py": "raise RuntimeError('no such table')\n"}}},
    "QuotaExceeded": {"code": {"inline": {"app.py": ECHO}}},
    "NoNode": {"code": {"inline": {"app.py": ECHO}}, "memory": "10240Mi"},
    "ConfigurationMissing": {
        "code": {"inline": {"app.py": ECHO}},
        "secrets": [{"name": "nobody-made-it", "variables": {"PASSWORD": "password"}}],
    },
}
TOLD = {
    "ImageUnavailable": "localhost/nothing",
    "InitFailed": "no such table",
    "QuotaExceeded": "exceeded quota",
    "NoNode": "nodes",
    "ConfigurationMissing": "nobody-made-it",
}


@pytest.mark.parametrize("reason", CASES)
async def test_the_reason_reaches_the_status_and_the_held_caller(
    funclet: Release, namespace: str, reason: str
) -> None:
    kubectl = funclet.kubectl
    if reason == "QuotaExceeded":
        kubectl.apply(quota(namespace))
    kubectl.apply(function(namespace, CASES[reason]))
    await until(lambda: arn(kubectl, namespace), "the function was seen")
    started = time.monotonic()
    calling = asyncio.create_task(called(funclet, namespace))
    found = await until(lambda: told(kubectl, namespace, reason), f"the status says {reason}", SECONDS)
    known = time.monotonic()
    call = await asyncio.wait_for(calling, SECONDS)
    answered = time.monotonic()
    print(f"  {reason}: status after {known - started:.1f} s, caller after {answered - started:.1f} s")
    assert TOLD[reason] in found["message"]
    assert TOLD[reason] in call.answer.decode()
    assert not call.acked
    # The status is read every 0.4 s, and written by another process than the one that answers.
    assert answered - known < 2.0
    assert reason in kubectl(
        "get", "events", "-n", namespace, "--field-selector=involvedObject.kind=Function"
    )


def quota(namespace: str) -> dict[str, Any]:
    """No pod at all."""
    metadata = {"name": "none", "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": metadata,
        "spec": {"hard": {"pods": "0"}},
    }


def function(namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    """The Function `broken`."""
    runtime = {} if "image" in spec["code"] else {"runtime": "python", "handler": "app.handler"}
    metadata = {"name": "broken", "namespace": namespace}
    body = {**runtime, "timeout": "5s", **spec}
    return {"apiVersion": "funclet.dev/v1alpha1", "kind": "Function", "metadata": metadata, "spec": body}


async def called(funclet: Release, namespace: str) -> Call:
    """What comes of one call."""
    target = await asyncio.to_thread(funclet.target, "broken", namespace)
    async with invoking(target, 2 * SECONDS) as caller:
        return await caller.call(Event(0, 0.0), asyncio.get_running_loop().time())


def arn(kubectl: Kubectl, namespace: str) -> str:
    """Empty until the operator has seen it."""
    found = kubectl.get("fn", "broken", "-n", namespace)
    return str(found.get("status", {}).get("functionArn") or "")


def told(kubectl: Kubectl, namespace: str, reason: str) -> dict[str, Any]:
    """The condition Ready, where it is False for this reason; else nothing."""
    conditions = kubectl.get("fn", "broken", "-n", namespace)["status"].get("conditions", [])
    found = [each for each in conditions if each["type"] == "Ready"]
    return found[0] if found and (found[0]["status"], found[0]["reason"]) == ("False", reason) else {}
