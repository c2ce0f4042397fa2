"""An operator that ends at any of its writes: the next one brings everything to the same end."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from funclet.kube.client import ClusterKube
from funclet.kube.port import Object
from support.api_server import Server, api_server, make_namespace
from support.dying_kube import DyingKube
from support.operators import Seen, eventually
from support.reconcilers import at_work, reconciler

__all__ = ["api_server"]

#: operators at work at once
_TOGETHER = 8


@pytest.fixture
async def default(api_server: Server) -> AsyncIterator[Seen]:
    """Where trials begin from."""
    connection = await api_server.connect()
    yield Seen(connection, "default")
    await connection.close()


async def elsewhere(default: Seen) -> Seen:
    """A namespace of a trial's own."""
    name = Seen.new()
    await make_namespace(default.connection, name)
    return Seen(default.connection, name)


async def scenario(seen: Seen) -> None:
    """A function is published and called; it changes, and what the change supersedes goes away."""
    await seen.apply(seen.function("greet", publish="Auto", publishAlias="live"))
    old = (await seen.deployed("greet"))["metadata"]["name"]
    await seen.until(old, bool, "ControllerRevision")
    at_zero = {"status": {"observedGeneration": 1, "replicas": 0}}
    await seen.merge(old, at_zero, "Deployment", sub="status", by="kube-controller-manager")
    await seen.apply(seen.function("greet", publish="Auto", publishAlias="live", memory="256Mi"))
    new = await seen.until("greet", lambda found: found["status"].get("latestRevision") not in {None, old})
    await seen.want("greet", new["status"]["latestRevision"])


def memory_of(found: Object) -> Any:
    """What tells one revision from another."""
    content: Object = found.get("data") or found["spec"]
    template = content.get("template")
    if template is None:
        return found["spec"].get("memory")
    return template["spec"]["containers"][0]["resources"]["requests"]["memory"]


async def outcome(seen: Seen) -> list[Any]:
    """All that matters, without numbers and names: a number that was remembered and not used is a gap."""
    kinds = ("Function", "FunctionVersion", "Alias", "ControllerRevision", "Deployment")
    objects = {kind: await seen.kube.list(kind) for kind in kinds}
    newest = max((int(each["spec"]["version"]) for each in objects["FunctionVersion"]), default=0)
    found: list[Any] = []
    for kind, each in [(name, each) for name in kinds for each in objects[name]]:
        status = each.get("status", {})
        said = [(c["type"], c["status"], c["reason"]) for c in status.get("conditions", ())]
        follows = each.get("spec", {}).get("version") == str(newest)
        published = (status.get("publication") or {}).get("version") == str(newest)
        remembered = status.get("lastVersion", 0) >= newest
        found.append((kind, memory_of(each), said, follows, published, kind == "Function" and remembered))
    return sorted(found)


async def trial(seen: Seen, last: int | None, *, after: bool, expected: list[Any] | None) -> DyingKube:
    """Run the scenario with an operator that dies at its `last` write, and another one from then on."""
    dying = DyingKube(ClusterKube(seen.connection, namespaces=[seen.namespace]), last, after=after)
    user = asyncio.create_task(scenario(seen))
    loop = reconciler(dying)
    async with at_work(loop):
        death = asyncio.create_task(dying.dead.wait())
        await asyncio.wait({user, death}, return_when=asyncio.FIRST_COMPLETED)
        death.cancel()
        if last is None:
            await user
            await eventually(lambda: idle(loop, seen))
    if last is not None:
        async with at_work(reconciler(seen.kube)):
            await user
            await eventually(lambda: same(seen, expected or []))
    return dying


async def idle(loop: Any, seen: Seen) -> bool:
    """Whether everything is done."""
    kinds = [kind for kind, *_ in await outcome(seen)]
    return loop.idle and kinds.count("FunctionVersion") == 2 and kinds.count("Deployment") == 1


async def same(seen: Seen, expected: list[Any]) -> bool:
    """Whether it has come to the expected end."""
    return await outcome(seen) == expected


@pytest.mark.parametrize("after", [False, True], ids=["before it is done", "after it is done"])
async def test_whichever_write_is_the_last_the_next_operator_comes_to_the_same_end(
    default: Seen, *, after: bool
) -> None:
    sound = await elsewhere(default)
    undisturbed = await trial(sound, None, after=after, expected=None)
    expected = await outcome(sound)
    numbers = range(1, len(undisturbed.writes) + 1)
    assert {
        "status Function",
        "apply FunctionVersion",
        "apply Alias",
        "create Deployment",
        "delete Deployment",
    } <= {*undisturbed.writes}
    some = asyncio.Semaphore(_TOGETHER)

    async def one(last: int) -> None:
        async with some:
            await trial(await elsewhere(default), last, after=after, expected=expected)

    async with asyncio.timeout(100):
        await asyncio.gather(*(one(last) for last in numbers))
