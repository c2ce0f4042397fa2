import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest

from funclet.kube.informer import OWNER, Informer
from funclet.kube.objects import key_of
from funclet.kube.port import Change, KubeError, KubePort, Object
from funclet.local.kube.store import LocalKube
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


def change(type_: Literal["ADDED", "MODIFIED", "DELETED"], found: Object) -> Change:
    return Change(type_, key_of(found), found)


SYNCED = Change("SYNCED", None, None)


def test_whoever_watches_may_feed_it() -> None:
    informer = Informer(LocalKube(), ("Function",))
    informer.take(change("ADDED", at(1)))
    informer.take(change("MODIFIED", at(2)))
    assert informer.get(A) == at(2)
    informer.take(change("DELETED", at(3)))
    assert informer.get(A) is None


async def test_a_resync_takes_what_was_missed_and_prunes_what_is_gone() -> None:
    kube = LocalKube()
    for name in ("kept", "gone"):
        await kube.apply(function_manifest(name), manager="user")
    informer = Informer(kube, ("Function", "Alias"))
    seen: list[tuple[str, bool]] = []
    informer.subscribe(lambda key, _, after: seen.append((key.name, after is not None)))
    assert await informer.resync() == {"Function"}
    assert informer.synced.is_set()
    await kube.apply(function_manifest("new"), manager="user")
    assert await informer.resync() == {"Function"}
    await kube.delete(Key("Function", "default", "gone"))
    assert await informer.resync() == {"Function"}
    assert await informer.resync() == set()
    assert sorted(seen) == [("gone", False), ("gone", True), ("kept", True), ("new", True)]


async def test_a_resync_that_fails_changes_nothing() -> None:
    kube = LocalKube()
    await kube.apply(function_manifest("a"), manager="user")

    class HalfAway(FlakyKube):
        async def list(self, kind: str, namespace: str | None = None) -> list[Object]:
            if kind == "Alias":
                raise KubeError("away")
            return await super().list(kind, namespace)

    informer = Informer(HalfAway(kube, "nothing"), ("Function", "Alias"))
    with pytest.raises(KubeError):
        await informer.resync()
    assert informer.get(A) is None
    assert not informer.synced.is_set()


async def test_what_is_written_while_a_resync_lists_is_not_pruned() -> None:
    class SlowKube(LocalKube):
        async def list(self, kind: str, namespace: str | None = None) -> list[Object]:
            listed = await super().list(kind, namespace)
            if kind == "Function":
                informer.put(await self.apply(function_manifest("a", memory="1Gi"), manager="user"))
                informer.put(await self.apply(function_manifest("b"), manager="user"))
            return listed

    kube = SlowKube()
    informer = Informer(kube, ("Function",))
    await informer.resync()
    assert sorted(each["metadata"]["name"] for each in informer.dump()) == ["a", "b"]


async def test_what_is_dumped_can_be_restored_and_is_then_brought_up_to_date() -> None:
    kube = LocalKube()
    for name in ("a", "gone"):
        await kube.apply(function_manifest(name), manager="user")
    before = Informer(kube, ("Function", "Alias"))
    await before.resync()
    await kube.delete(Key("Function", "default", "gone"))
    async with following(kube) as informer:
        informer.restore([*before.dump(), {"kind": "Unknown", "metadata": {"name": "x"}}])
        assert len(informer.find("memory", None)) == 2
        assert not informer.synced.is_set()
        await informer.synced.wait()
        assert [each["metadata"]["name"] for each in informer.dump()] == ["a"]


def test_what_is_restored_does_not_replace_what_is_known() -> None:
    informer = Informer(LocalKube(), ("Function",))
    informer.put(at(5))
    informer.restore([at(4)])
    assert informer.get(A) == at(5)


def test_what_is_restored_while_a_watch_lists_is_gone_unless_it_is_told_of() -> None:
    informer = Informer(
        LocalKube(), ("Function", "Alias"), {"memory": lambda each: [each["spec"].get("memory")]}
    )
    informer.begin()
    informer.take(change("ADDED", at(7, "listed before")))
    informer.restore([at(5, "listed after"), at(6, "gone"), at(6, "listed before")])
    assert len(informer.find("memory", None)) == 3
    informer.take(change("ADDED", at(5, "listed after")))
    informer.take(SYNCED)
    assert informer.dump() == [at(7, "listed before"), at(5, "listed after")]
    assert len(informer.find("memory", None)) == 2


def test_what_is_restored_is_gone_too_where_the_watch_broke_before_it_told_all() -> None:
    informer = Informer(LocalKube(), ("Function",))
    informer.begin()
    informer.restore([at(5)])
    informer.begin()
    informer.take(SYNCED)
    assert informer.dump() == []


@pytest.mark.parametrize("version", [4, 5, 6])
def test_what_is_restored_gives_way_to_what_a_list_tells_older_or_newer(version: int) -> None:
    informer = Informer(LocalKube(), ("Function",))
    informer.begin()
    informer.restore([at(5)])
    informer.take(change("ADDED", at(version)))
    assert informer.get(A) == at(version)
    informer.take(SYNCED)
    assert informer.get(A) == at(version)


@pytest.mark.parametrize("restored", [4, 5, 6])
def test_what_this_life_was_told_is_not_undone_by_an_earlier_one_whatever_the_versions(restored: int) -> None:
    informer = Informer(LocalKube(), ("Function",))
    informer.begin()
    informer.take(change("ADDED", at(5)))
    informer.take(change("ADDED", at(4, "ended")))
    informer.take(change("DELETED", at(5, "ended")))
    informer.restore([at(restored), at(restored, "ended")])
    assert informer.dump() == [at(5)]


def test_the_end_of_what_was_restored_ends_it_whatever_the_versions() -> None:
    informer = Informer(LocalKube(), ("Function",))
    informer.restore([at(50)])
    informer.begin()
    informer.take(change("DELETED", at(40)))
    assert informer.get(A) is None


def test_a_write_replaces_what_was_restored_whatever_the_versions() -> None:
    informer = Informer(LocalKube(), ("Function",))
    informer.begin()
    informer.restore([at(50)])
    informer.put(at(40))
    informer.take(change("ADDED", at(40)))
    informer.take(SYNCED)
    assert informer.get(A) == at(40)


def test_once_all_that_exists_was_told_nothing_is_restored() -> None:
    informer = Informer(LocalKube(), ("Function",))
    informer.begin()
    informer.take(SYNCED)
    informer.restore([at(5)])
    assert informer.dump() == []
    informer.begin()
    informer.restore([at(5)])
    assert informer.dump() == []


async def test_what_is_restored_while_a_resync_lists_is_gone_unless_it_is_listed() -> None:
    class SlowKube(LocalKube):
        async def list(self, kind: str, namespace: str | None = None) -> list[Object]:
            listed = await super().list(kind, namespace)
            informer.restore([at(50), at(50, "gone")])
            return listed

    kube = SlowKube()
    await kube.apply(function_manifest("a"), manager="user")
    informer = Informer(kube, ("Function",))
    await informer.resync()
    assert informer.dump() == [await kube.get(A)]


def test_a_server_that_was_set_back_in_time_is_believed_when_it_tells_all_that_exists() -> None:
    informer = Informer(LocalKube(), ("Function",))
    informer.put(at(50))
    informer.begin()
    informer.take(change("ADDED", at(40)))
    informer.take(SYNCED)
    assert informer.get(A) == at(40)
    informer.take(change("MODIFIED", at(39)))
    assert informer.get(A) == at(40)


async def test_a_server_that_was_set_back_in_time_is_believed_by_a_resync_too() -> None:
    kube = LocalKube()
    await kube.apply(function_manifest("a"), manager="user")
    informer = Informer(kube, ("Function",))
    informer.put(at(50))
    await informer.resync()
    assert informer.get(A) == await kube.get(A)


def test_what_is_written_anew_while_a_watch_lists_is_not_pruned() -> None:
    informer = Informer(LocalKube(), ("Function",))
    informer.put(at(5))
    informer.begin()
    informer.put(at(9))
    informer.take(SYNCED)
    assert informer.get(A) == at(9)


async def test_each_break_of_a_watch_is_told() -> None:
    told: list[Exception] = []
    informer = Informer(FlakyKube(LocalKube(), "watch", failures=2), ("Function",), on_error=told.append)
    running = asyncio.create_task(informer.run())
    await informer.synced.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [str(error) for error in told] == ["watch failed on purpose"] * 2


def test_a_write_is_not_undone_by_a_list_that_was_made_before_it() -> None:
    informer = Informer(LocalKube(), ("Function",))
    informer.put(at(5))
    informer.begin()
    informer.put(at(6))
    informer.take(change("ADDED", at(5)))
    informer.take(SYNCED)
    assert informer.get(A) == at(6)


def test_the_end_of_an_object_does_not_end_its_successor() -> None:
    informer = Informer(LocalKube(), ("Function",))
    informer.put(at(1, uid="old"))
    informer.put(at(3, uid="new"))
    informer.take(change("DELETED", at(2, uid="old")))
    assert informer.get(A) == at(3, uid="new")


async def test_a_watch_that_breaks_after_it_told_all_is_begun_again_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        waited.append(seconds)
        await sleep(0)

    kube = LocalKube()
    flaky = FlakyKube(kube, "watch", failures=5)
    await kube.apply(function_manifest("a"), manager="user")
    monkeypatch.setattr("funclet.kube.informer.asyncio.sleep", noted)
    async with following(flaky) as informer:
        await informer.synced.wait()
        first = list(waited)
        flaky.failing, flaky.failures = "watch half-way", 1
        await kube.apply(function_manifest("a", memory="1Gi"), manager="user")
        await until(lambda: flaky.failures == 0 and len(waited) > len(first))
    assert first == sorted(first)
    assert waited[len(first)] < first[-1]
