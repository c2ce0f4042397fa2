"""Open-loop load on a running platform while one thing after the other goes: no call fails, no event runs twice or beside another."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from typing import TYPE_CHECKING, Any

import pytest

from faults import platform, pods, routing
from faults.waiting import until
from ledger.check import executions
from ledger.manifest import function
from load.arrivals import constant, pauses, poisson, together
from load.latency import latency
from release.forward import forwarded

if TYPE_CHECKING:
    from collections.abc import Callable

    from proof import Proof

pytestmark = pytest.mark.timeout(900)
IDLE = 1.0
SCALING: dict[str, Any] = {"scaling": {"idle": f"{IDLE:g}s"}}
LONG = (1.0, 5.0)
GATEWAYS = 2
GATEWAY_PORT = 8700


async def test_calls_that_arrive_while_the_only_instance_goes(
    proof: Proof, times: Callable[[int], int]
) -> None:
    """One call at a time, after pauses around the idle time: at every moment of an instance's going and coming."""
    wanted = times(30)
    names = [f"zero-{number}" for number in range(min(3, wanted))]
    for name in names:
        proof.apply(name, **SCALING)
    async with contextlib.AsyncExitStack() as stack:
        for number, name in enumerate(names):
            arrivals = pauses(IDLE - 0.3, IDLE + 3.0, proof.seed + number)
            await stack.enter_async_context(proof.load(name, arrivals))
        # The first of each function came when there was none to go.
        await until(lambda: _came_back(proof, names) >= wanted, f"{wanted} instances came and went", 600)
    verdict = proof.verdict(f"0 to 1 x {_came_back(proof, names)}")
    print(f"  {latency(proof.calls)}")
    assert verdict.holds


async def test_calls_that_arrive_while_one_of_several_instances_goes(
    proof: Proof, times: Callable[[int], int]
) -> None:
    """Random load: the number of instances that it needs rises and falls all the time."""
    wanted = times(30)
    proof.apply("fewer", **SCALING)
    async with proof.load("fewer", poisson(3.0, proof.seed), seconds=(0.2, 1.0)):
        await until(
            lambda: len(proof.instances()) >= wanted + len(_names(proof, "fewer")),
            f"{wanted} instances went while others ran",
            600,
            every=1.0,
        )
    went = len(proof.instances()) - len(_names(proof, "fewer"))
    assert proof.verdict(f"N to N-1 x {went}").holds


async def test_function_pods_that_are_deleted_with_calls_in_flight(
    proof: Proof, times: Callable[[int], int]
) -> None:
    proof.apply("deleted")
    deleted = set[str]()
    async with proof.load("deleted", poisson(1.5, proof.seed), seconds=LONG):
        while len(deleted) < times(20):
            running = await until(lambda: _busy(proof, "deleted", deleted), "a pod runs an event")
            victim = proof.chance.choice(running)
            await asyncio.to_thread(pods.delete, proof.release.kubectl, victim)
            deleted.add(victim["metadata"]["name"])
            await asyncio.sleep(proof.chance.uniform(0.5, 3.0))
    assert proof.verdict(f"function pods deleted x {len(deleted)}").holds


async def test_function_pods_that_are_killed_fail_the_call_in_them_and_no_other(
    proof: Proof, times: Callable[[int], int]
) -> None:
    """What no platform can save is told at once, and never run again; it shows, too, that the ledger sees a failure."""
    proof.apply("killed")
    clock = asyncio.get_running_loop().time
    killed: dict[str, float] = {}
    async with proof.load("killed", poisson(1.5, proof.seed), seconds=LONG):
        while len(killed) < times(5):
            running = await until(lambda: _proven(proof, "killed", set(killed)), "a pod runs another event")
            victim = proof.chance.choice(running)
            await asyncio.to_thread(pods.kill, proof.release.kubectl, victim)
            killed[victim["metadata"]["name"]] = clock()
            await asyncio.sleep(proof.chance.uniform(1.0, 3.0))
    verdict = proof.verdict(f"function pods killed x {len(killed)}")
    failed = [call for call in proof.calls if not call.acked]
    waited = [min(abs(call.answered - moment) for moment in killed.values()) for call in failed]
    assert 0 < verdict.failed <= len(killed)
    assert verdict.broken == verdict.executed_though_failed == 0
    assert max(waited) < 1.0


async def test_one_of_two_gateways_that_is_ended(proof: Proof, times: Callable[[int], int]) -> None:
    """Two functions, so that either gateway may be a home; short calls and long ones."""
    # A first call that is answered says how long calls take: without it, as many pods as calls would fill a small node.
    for name in ("served", "steady"):
        proof.apply(name, scaling={"idle": "10s"})
        await proof.warm(name)
    ended: list[str] = []
    async with (
        proof.load("served", together(constant(8), poisson(2, proof.seed))),
        proof.load("served", poisson(0.4, proof.seed), seconds=LONG),
        proof.load("steady", constant(5)),
    ):
        while len(ended) < times(5):
            ended.append(await _end_a_gateway(proof))
        await asyncio.sleep(2.0)
    verdict = proof.verdict(f"gateway ended by SIGTERM x {len(ended)}")
    print(f"  {latency(proof.calls, work=False)}")
    assert verdict.holds


async def test_a_gateway_that_is_ended_while_a_new_revision_does_not_come_up(
    proof: Proof, times: Callable[[int], int]
) -> None:
    """What served goes on serving under the next home, with the pods that it has and with new ones.

    Its code is then in no manifest any more, and in no cache of a gateway.
    """
    proof.apply("stuck")
    await proof.warm("stuck")
    broken = {"inline": {"probe.py": "raise RuntimeError('this revision does not start')"}}
    manifest = function("stuck", proof.collector.address, namespace=proof.namespace, code=broken)
    ended: list[str] = []
    async with proof.load("stuck", constant(10)):
        await asyncio.to_thread(proof.release.kubectl.apply, manifest)
        await until(lambda: _fails(proof, "stuck"), "the new revision has failed")
        while len(ended) < times(3):
            ended.append(await _end_a_gateway(proof))
        await asyncio.to_thread(
            pods.delete_one, proof.release.kubectl, proof.namespace, "stuck", proof.chance
        )
        await asyncio.sleep(2.0)
    verdict = proof.verdict(f"gateway ended in a stuck takeover x {len(ended)}")
    assert verdict.holds
    status = proof.release.kubectl.get("functions.funclet.dev", "stuck", "-n", proof.namespace)["status"]
    assert status["servingRevision"] != status["latestRevision"]


async def test_an_operator_that_is_killed(proof: Proof, times: Callable[[int], int]) -> None:
    """What runs goes on, what has run before starts from zero; a Function applied meanwhile is Ready afterwards."""
    proof.apply("warm", scaling={"idle": "10s"})
    await proof.warm("warm")
    proof.apply("cold", **SCALING)
    await proof.warm("cold")
    killed: list[str] = []
    async with (
        proof.load("warm", constant(10)),
        proof.load("cold", pauses(IDLE + 0.5, IDLE + 4.0, proof.seed)),
    ):
        while len(killed) < times(5):
            await asyncio.sleep(proof.chance.uniform(1.0, 3.0))
            killed.append(await asyncio.to_thread(platform.kill_the_operator, proof.release))
            await asyncio.to_thread(proof.apply, f"new-{len(killed)}")
            await until(lambda: platform.operator_is_ready(proof.release), "the operator is ready", 120)
    verdict = proof.verdict(f"operator killed x {len(killed)}")
    assert verdict.holds
    for number in range(len(killed)):
        await proof.warm(f"new-{number + 1}")


async def test_an_alias_that_changes_every_second(proof: Proof, times: Callable[[int], int]) -> None:
    kubectl, name = proof.release.kubectl, "flip-live"
    await _publish_two(proof, "flip")
    async with proof.load("flip", constant(20), qualifier="live"):
        for flip in range(times(30)):
            await asyncio.to_thread(routing.point, kubectl, proof.namespace, name, str(2 - flip % 2))
            await asyncio.sleep(1.0)
    verdict = proof.verdict(f"alias changed every second x {times(30)}")
    assert {call.version for call in proof.calls} == {"1", "2"}
    assert verdict.holds


async def test_all_gateways_follow_an_alias_within_a_second(
    proof: Proof, times: Callable[[int], int]
) -> None:
    kubectl, name = proof.release.kubectl, "flip-live"
    await _publish_two(proof, "flip")
    clock = asyncio.get_running_loop().time
    changed: list[tuple[float, str]] = []
    async with contextlib.AsyncExitStack() as stack:
        for pod in proof.release.pods("gateway"):
            way = forwarded(kubectl, proof.release.namespace, pod["metadata"]["name"], GATEWAY_PORT)
            url = await asyncio.to_thread(stack.enter_context, way)
            await stack.enter_async_context(proof.load("flip", constant(10), qualifier="live", url=url))
        for flip in range(times(5)):
            version = str(2 - flip % 2)
            await asyncio.to_thread(routing.point, kubectl, proof.namespace, name, version)
            changed.append((clock(), version))
            await asyncio.sleep(2.5)
    for (since, version), (until_then, _) in zip(changed, [*changed[1:], (clock(), "")], strict=True):
        for gateway in proof.loads[-GATEWAYS:]:
            # The next change was written some time before its kubectl had ended.
            within = [call for call in gateway.calls if since + 1.0 <= call.sent < until_then - 0.8]
            assert {call.version for call in within} == {version}
    assert proof.verdict(f"alias followed x {len(changed)}").holds


async def _end_a_gateway(proof: Proof) -> str:
    """End one of two gateways when both are ready, and wait until both are again."""
    await until(lambda: platform.gateways_are_ready(proof.release, GATEWAYS), "both gateways are ready", 120)
    await asyncio.sleep(proof.chance.uniform(2.0, 4.0))
    ended = await asyncio.to_thread(platform.end_a_gateway, proof.release, proof.chance)
    await until(lambda: platform.gateways_are_ready(proof.release, GATEWAYS), "both gateways are ready", 120)
    return ended


def _fails(proof: Proof, name: str) -> bool:
    """Whether the newest revision of a Function is known not to start."""
    found = proof.release.kubectl.get("functions.funclet.dev", name, "-n", proof.namespace)
    return any(each["reason"] in {"InitFailed", "CrashLoop"} for each in found["status"]["conditions"])


def _came_back(proof: Proof, names: list[str]) -> int:
    """How often an instance came after another had gone, over functions with one at a time."""
    return len(proof.instances()) - len(names)


async def _publish_two(proof: Proof, function: str) -> None:
    """Versions 1 and 2 of a function, both with an instance, and an alias at the first."""
    kubectl = proof.release.kubectl
    for version in ("1", "2"):
        await asyncio.to_thread(proof.apply, function, publish="Auto", environment={"STAGE": version})
        published = functools.partial(_is_published, proof, function, int(version))
        await until(published, f"version {version} is published")
    alias = {
        "apiVersion": "funclet.dev/v1alpha1",
        "kind": "Alias",
        "metadata": {"name": f"{function}-live", "namespace": proof.namespace},
        "spec": {"function": function, "name": "live", "version": "1"},
    }
    await asyncio.to_thread(kubectl.apply, alias)
    await asyncio.to_thread(proof.wait_ready, f"aliases.funclet.dev/{function}-live")
    for version in ("1", "2"):
        assert (await proof.warm(function, version)).version == version


def _is_published(proof: Proof, function: str, version: int) -> bool:
    found = proof.release.kubectl.get("functions.funclet.dev", function, "-n", proof.namespace)
    return int(found["status"].get("lastVersion", 0)) >= version


def _names(proof: Proof, function: str) -> set[str]:
    """Pods that are there; those that never ran an event included."""
    running = pods.of_function(proof.release.kubectl, proof.namespace, function)
    return {pod["metadata"]["name"] for pod in running}


def _busy(proof: Proof, function: str, but: set[str]) -> list[pods.Pod]:
    """Pods of a Function in which an event runs, but those."""
    busy = proof.busy() - but
    running = pods.of_function(proof.release.kubectl, proof.namespace, function)
    return [pod for pod in running if pod["metadata"]["name"] in busy]


def _proven(proof: Proof, function: str, but: set[str]) -> list[pods.Pod]:
    """Busy pods, less those and those that have not finished an event before: one that ends in its first cannot start."""
    told = executions(proof.collector.records())
    finished = {each.first.instance.split()[0] for each in told if each.whole}
    return [pod for pod in _busy(proof, function, but) if pod["metadata"]["name"] in finished]
