import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from funclet.kube.informer import OWNER, Informer
from funclet.kube.port import KubePort, Object
from funclet.local.kube import LocalKube
from funclet.plan.plan import Key
from support.kubes import FlakyKube, until
from support.objects import function_manifest, stored

A = Key("Function", "default", "a")


@asynccontextmanager
async def following(kube: KubePort) -> AsyncIterator[Informer]:
    informer = Informer(kube, ("Function", "Alias"), {"memory": lambda each: [each["spec"].get("memory")]})
    task = asyncio.create_task(informer.run())
    try:
        yield informer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def at(version: int, name: str = "a", **metadata: Any) -> Object:
    return stored(function_manifest(name), resourceVersion=str(version), **metadata)


async def test_what_exists_is_there_once_it_is_synced() -> None:
    kube = LocalKube()
    for name in ("b", "a"):
        await kube.apply(function_manifest(name), manager="user")
    async with following(kube) as informer:
        await informer.synced.wait()
        assert informer.get(A) == await kube.get(A)
        assert [each["metadata"]["name"] for each in informer.find("memory", None)] == ["a", "b"]


async def test_changes_reach_subscribers_with_how_it_was_and_how_it_is() -> None:
    kube = LocalKube()
    seen: list[tuple[Key, bool, bool]] = []
    async with following(kube) as informer:
        informer.subscribe(
            lambda key, before, after: seen.append((key, before is not None, after is not None))
        )
        await kube.apply(function_manifest("a"), manager="user")
        await kube.apply(function_manifest("a", memory="1Gi"), manager="user")
        await kube.delete(A)
        await until(lambda: len(seen) == 3)
    assert seen == [(A, False, True), (A, True, True), (A, True, False)]


async def test_an_index_follows_the_object() -> None:
    kube = LocalKube()
    async with following(kube) as informer:
        await kube.apply(function_manifest("a", memory="1Gi"), manager="user")
        await until(lambda: len(informer.find("memory", "1Gi")) == 1)
        await kube.apply(function_manifest("a", memory="2Gi"), manager="user")
        await until(lambda: len(informer.find("memory", "2Gi")) == 1)
        assert informer.find("memory", "1Gi") == []


def test_owned_objects_are_found_by_their_owners_uid() -> None:
    informer = Informer(LocalKube(), ("Function",))
    informer.put(at(1, ownerReferences=[{"uid": "u"}]))
    assert [each["metadata"]["name"] for each in informer.find(OWNER, "u")] == ["a"]


async def test_a_writer_reads_its_own_write_at_once_and_older_news_do_not_undo_it() -> None:
    kube = LocalKube()
    informer = Informer(kube, ("Function",))
    informer.put(at(7))
    informer.put(at(5))
    assert informer.get(A) == at(7)


async def test_a_late_answer_does_not_bring_a_deleted_object_back() -> None:
    kube = LocalKube()
    async with following(kube) as informer:
        late = await kube.apply(function_manifest("a"), manager="user")
        await until(lambda: informer.get(A) is not None)
        await kube.delete(A)
        await until(lambda: informer.get(A) is None)
        informer.put(late)
        assert informer.get(A) is None
        await kube.apply(function_manifest("a"), manager="user")
        await until(lambda: informer.get(A) is not None)


async def test_a_watch_that_breaks_is_begun_again_and_what_went_meanwhile_is_noticed() -> None:
    kube = LocalKube()
    flaky = FlakyKube(kube, "watch half-way", failures=0)
    for name in ("a", "b"):
        await kube.apply(function_manifest(name), manager="user")
    gone: list[Key] = []
    async with following(flaky) as informer:
        informer.subscribe(lambda key, _, after: gone.append(key) if after is None else None)
        await informer.synced.wait()
        flaky.failures = 1
        await kube.apply(function_manifest("b", memory="1Gi"), manager="user")
        await until(lambda: flaky.failures == 0)
        await kube.delete(A)
        await until(lambda: gone == [A])
        assert [each["metadata"]["name"] for each in informer.find("memory", "1Gi")] == ["b"]
