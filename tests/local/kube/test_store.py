import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from funclet.kube.port import Change, ConflictError, ExpiredError, InvalidError, KubeError, NotFoundError
from funclet.local.kube import watch as watching
from funclet.local.kube.store import LocalKube
from funclet.plan.plan import Event, Key
from support.kubes import until
from support.objects import NOW, alias_manifest, function_manifest, version_manifest

GREET = Key("Function", "default", "greet")


def memory() -> LocalKube:
    return LocalKube(now=lambda: NOW)


def everything_below(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


class Watched:
    """A watch, read in the background."""

    def __init__(self, kube: LocalKube, *kinds: str) -> None:
        self.changes: list[Change] = []
        self.task = asyncio.create_task(self._read(kube, kinds))

    async def _read(self, kube: LocalKube, kinds: tuple[str, ...]) -> None:
        async for change in kube.watch(*kinds):
            self.changes.append(change)

    def seen(self) -> list[str]:
        return [f"{change.type} {change.key.name}" if change.key else change.type for change in self.changes]

    async def close(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_a_new_object_gets_what_a_server_gives() -> None:
    made = await memory().apply(function_manifest(), manager="user")
    assert made["metadata"]["generation"] == 1
    assert made["metadata"]["creationTimestamp"] == NOW
    assert made["metadata"]["resourceVersion"] == "1"
    assert len(made["metadata"]["uid"]) == 36
    assert "status" not in made


async def test_only_a_changed_spec_is_a_new_generation() -> None:
    kube = memory()
    await kube.apply(function_manifest(), manager="user")
    labelled = function_manifest()
    labelled["metadata"]["labels"] = {"a": "b"}
    found = await kube.apply(labelled, manager="user")
    assert (found["metadata"]["generation"], found["metadata"]["resourceVersion"]) == (1, "2")
    found = await kube.patch_status(GREET, {"instances": 1}, manager="funclet")
    assert (found["metadata"]["generation"], found["metadata"]["resourceVersion"]) == (1, "3")
    labelled["spec"]["memory"] = "1Gi"
    found = await kube.apply(labelled, manager="user")
    assert (found["metadata"]["generation"], found["metadata"]["resourceVersion"]) == (2, "4")
    assert found["status"] == {"instances": 1}


async def test_a_write_that_changes_nothing_is_not_seen_by_anybody() -> None:
    kube = memory()
    watched = Watched(kube, "Function")
    first = await kube.apply(function_manifest(), manager="user")
    assert await kube.apply(function_manifest(), manager="user") == first
    assert await kube.apply(function_manifest(), manager="another") == first
    await kube.patch_status(GREET, {"instances": 1}, manager="funclet")
    await kube.patch_status(GREET, {"instances": 1}, manager="funclet")
    await kube.delete(GREET)
    await until(lambda: len(watched.changes) == 4)
    assert watched.seen() == ["SYNCED", "ADDED greet", "MODIFIED greet", "DELETED greet"]
    await watched.close()


@pytest.mark.parametrize(
    ("manifest", "path"),
    [
        (function_manifest(handler="../x"), "spec.handler"),
        (function_manifest(memroy="1Gi"), "spec.memroy"),
        (function_manifest("../../etc/passwd"), "metadata.name"),
        (function_manifest("a" * 254), "metadata.name"),
        ({**function_manifest(), "kind": "../Secret"}, "kind"),
        ({**function_manifest(), "metadata": {"name": "x", "namespace": "../x"}}, "metadata.namespace"),
        ({**function_manifest(), "metadata": {}}, "metadata.name"),
        ({"kind": "Function"}, "metadata"),
        (alias_manifest("live", "$LATEST", routingConfig={"additionalVersionWeights": {"1": 0.5}}), "spec"),
    ],
)
async def test_what_breaks_a_rule_is_refused_and_leaves_nothing(
    tmp_path: Path, manifest: dict[str, Any], path: str
) -> None:
    kube = LocalKube(tmp_path / "objects")
    with pytest.raises(InvalidError) as caught:
        await kube.apply(manifest, manager="user")
    assert any(found.startswith(path) for found, _ in caught.value.causes)
    assert everything_below(tmp_path) == [tmp_path / "objects"]


async def test_a_published_version_cannot_be_changed() -> None:
    kube = memory()
    await kube.apply(version_manifest(1), manager="user")
    with pytest.raises(InvalidError, match="immutable"):
        await kube.apply(version_manifest(1, memory="1Gi"), manager="user")


async def test_each_writer_of_a_status_has_its_own_part_of_it(tmp_path: Path) -> None:
    kube = LocalKube(tmp_path)
    await kube.apply(function_manifest(), manager="user")
    await kube.patch_status(GREET, {"instances": 1, "lastVersion": 4}, manager="operator")
    await kube.patch_status(GREET, {"wanted": {"greet-a": "1"}}, manager="gateway")
    kube = LocalKube(tmp_path)
    found = await kube.patch_status(GREET, {"instances": 2}, manager="operator")
    assert found["status"] == {"instances": 2, "wanted": {"greet-a": "1"}}
    assert (await kube.apply(function_manifest(memory="1Gi"), manager="user"))["status"] == found["status"]
    found = await kube.patch_status(GREET, {}, manager="gateway")
    assert found["status"] == {"instances": 2}


async def test_a_whole_status_can_be_replaced_whoever_wrote_it() -> None:
    kube = memory()
    await kube.apply(function_manifest(), manager="user")
    await kube.patch_status(GREET, {"instances": 1, "lastVersion": 4}, manager="operator")
    found = await kube.replace_status(GREET, {"lastVersion": 5}, manager="another")
    assert found["status"] == {"lastVersion": 5}


def forget_owners(file: Path) -> None:
    stored = json.loads(file.read_text())
    file.write_text(json.dumps({**stored, "owners": {}}))


async def test_a_part_of_a_status_that_is_nobodys_goes_with_the_next_write(tmp_path: Path) -> None:
    kube = LocalKube(tmp_path)
    await kube.apply(function_manifest(), manager="user")
    await kube.patch_status(GREET, {"instances": 1, "lastVersion": 4}, manager="operator")
    forget_owners(tmp_path / "Function" / "default" / "greet.json")
    found = await LocalKube(tmp_path).patch_status(GREET, {"instances": 2}, manager="operator")
    assert found["status"] == {"instances": 2}


async def test_a_status_of_another_shape_is_refused() -> None:
    kube = memory()
    await kube.apply(function_manifest(), manager="user")
    with pytest.raises(InvalidError):
        await kube.patch_status(GREET, {"instances": "many"}, manager="user")


@pytest.mark.parametrize("field", ["uid", "resourceVersion"])
async def test_a_precondition_that_does_not_hold_is_a_conflict(field: str) -> None:
    kube = memory()
    manifest = function_manifest()
    manifest["metadata"][field] = "stale"
    with pytest.raises(ConflictError):
        await kube.apply(manifest, manager="user")
    made = await kube.apply(function_manifest(), manager="user")
    with pytest.raises(ConflictError):
        await kube.apply(manifest, manager="user")
    manifest["metadata"][field] = made["metadata"][field]
    assert await kube.apply(manifest, manager="user") == made


async def test_a_replaced_object_is_what_was_said_and_remembers_who_said_it(tmp_path: Path) -> None:
    kube = LocalKube(tmp_path)
    made = await kube.apply(function_manifest(memory="1Gi"), manager="one")
    await kube.replace({**made, "spec": function_manifest(timeout="9s")["spec"]}, manager="two")
    found = await LocalKube(tmp_path).apply(function_manifest(), manager="one")
    assert found["spec"] == function_manifest(timeout="9s")["spec"]
    assert found["metadata"]["generation"] == 2


async def test_of_many_who_replace_what_they_saw_one_wins() -> None:
    kube = memory()
    seen = await kube.apply(function_manifest(), manager="one")
    replaced = [{**seen, "spec": function_manifest(timeout=f"{n}s")["spec"]} for n in range(1, 20)]
    answers = await asyncio.gather(
        *(kube.replace(each, manager="x") for each in replaced), return_exceptions=True
    )
    assert sum(isinstance(answer, ConflictError) for answer in answers) == 18


async def test_an_object_that_is_being_deleted_goes_when_its_finalizers_are_replaced_and_gets_no_new_ones() -> (
    None
):
    kube = memory()
    manifest = function_manifest()
    manifest["metadata"]["finalizers"] = ["example.com/hold"]
    await kube.apply(manifest, manager="user")
    await kube.delete(GREET)
    seen = await kube.get(GREET)
    with pytest.raises(InvalidError, match=r"metadata\.finalizers"):
        await kube.replace(
            {
                **seen,
                "metadata": {**seen["metadata"], "finalizers": ["example.com/hold", "example.com/more"]},
            },
            manager="user",
        )
    await kube.replace({**seen, "metadata": {**seen["metadata"], "finalizers": []}}, manager="user")
    assert await kube.list("Function") == []


async def test_deleting_takes_the_uid_into_account() -> None:
    kube = memory()
    made = await kube.apply(function_manifest(), manager="user")
    with pytest.raises(ConflictError):
        await kube.delete(GREET, uid="another")
    await kube.delete(GREET, uid=made["metadata"]["uid"])
    with pytest.raises(NotFoundError):
        await kube.delete(GREET)
    again = await kube.apply(function_manifest(), manager="user")
    assert again["metadata"]["uid"] != made["metadata"]["uid"]


def owned(manifest: dict[str, Any], uid: str) -> dict[str, Any]:
    manifest["metadata"]["ownerReferences"] = [
        {"apiVersion": "funclet.dev/v1alpha1", "kind": "Function", "name": "greet", "uid": uid}
    ]
    return manifest


async def test_what_an_object_owns_goes_with_it() -> None:
    kube = memory()
    uid = (await kube.apply(function_manifest(), manager="user"))["metadata"]["uid"]
    await kube.apply(owned(version_manifest(1), uid), manager="funclet")
    await kube.apply(version_manifest(2), manager="user")
    await kube.delete(GREET)
    assert [each["spec"]["version"] for each in await kube.list("FunctionVersion")] == ["2"]


async def test_a_child_that_comes_after_its_owner_went_is_collected() -> None:
    kube = memory()
    await kube.apply(owned(version_manifest(1), "gone"), manager="funclet")
    assert await kube.list("FunctionVersion") == []


async def test_an_object_with_a_finalizer_goes_when_the_finalizer_does() -> None:
    kube = memory()
    manifest = function_manifest()
    manifest["metadata"]["finalizers"] = ["example.com/hold"]
    await kube.apply(manifest, manager="user")
    await kube.delete(GREET)
    await kube.delete(GREET)
    assert (await kube.get(GREET))["metadata"]["deletionTimestamp"] == NOW
    await kube.apply(function_manifest(), manager="user")
    assert await kube.list("Function") == []


async def test_a_watch_begins_with_what_exists_then_says_that_it_has_all() -> None:
    kube = memory()
    for name in ("b", "a"):
        await kube.apply(function_manifest(name), manager="user")
    await kube.apply(alias_manifest("live", "1"), manager="user")
    watched = Watched(kube, "Function")
    await until(lambda: len(watched.changes) == 3)
    assert watched.seen() == ["ADDED a", "ADDED b", "SYNCED"]
    await watched.close()


async def test_a_watcher_that_falls_far_behind_must_start_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "BACKLOG", 3)
    kube = memory()
    watch = kube.watch("Function")
    assert (await anext(watch)).type == "SYNCED"
    for number in range(5):
        await kube.apply(function_manifest(f"f{number}"), manager="user")
    seen = [await anext(watch) for _ in range(3)]
    assert [each.key.name for each in seen if each.key] == ["f0", "f1", "f2"]
    with pytest.raises(ExpiredError):
        await anext(watch)


async def test_the_latest_events_of_an_object_are_kept() -> None:
    told: list[str] = []
    kube = LocalKube(now=lambda: NOW, on_event=lambda _, event: told.append(event.message))
    await kube.apply(function_manifest(), manager="user")
    for number in range(60):
        await kube.record(GREET, Event("Normal", "Published", f"version {number}"))
    kept = kube.events(GREET)
    assert (len(kept), kept[-1].event.message, kept[-1].time) == (50, "version 59", NOW)
    assert len(told) == 60
    await kube.delete(GREET)
    assert kube.events(GREET) == ()


async def test_writers_of_one_object_come_one_after_the_other(tmp_path: Path) -> None:
    kube = LocalKube(tmp_path)
    watched = Watched(kube, "Function")
    values = [str(number) for number in range(50)]
    await asyncio.gather(
        *(kube.apply(function_manifest(environment={"N": value}), manager="user") for value in values),
        *(kube.apply(function_manifest(f"other-{value}"), manager="user") for value in values),
    )
    found = await kube.get(GREET)
    assert found["metadata"]["generation"] == 50
    await until(lambda: sum(change.key == GREET for change in watched.changes) == 50)
    versions = [
        int(c.object["metadata"]["resourceVersion"]) for c in watched.changes if c.object and c.key == GREET
    ]
    assert versions == sorted(set(versions))
    assert await LocalKube(tmp_path).get(GREET) == found
    await watched.close()


async def test_of_many_who_make_an_object_with_a_precondition_one_wins(tmp_path: Path) -> None:
    kube = LocalKube(tmp_path)
    first = await kube.apply(function_manifest(), manager="user")

    def change(number: int) -> dict[str, Any]:
        manifest = function_manifest(environment={"N": str(number)})
        manifest["metadata"]["resourceVersion"] = first["metadata"]["resourceVersion"]
        return manifest

    answers = await asyncio.gather(
        *(kube.apply(change(n), manager="user") for n in range(20)), return_exceptions=True
    )
    assert sum(isinstance(answer, ConflictError) for answer in answers) == 19


async def test_a_caller_that_goes_away_does_not_leave_memory_and_disk_apart(tmp_path: Path) -> None:
    kube = LocalKube(tmp_path)
    task = asyncio.create_task(kube.apply(function_manifest(), manager="user"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until(lambda: kube.table.get(GREET) is not None)
    assert await LocalKube(tmp_path).get(GREET) == await kube.get(GREET)


async def test_a_disk_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "objects"
    kube = LocalKube(root)
    await kube.apply(function_manifest(), manager="user")
    before = await kube.get(GREET)
    (root / "Function").rename(tmp_path / "elsewhere")
    (root / "Function").write_text("in the way")
    with pytest.raises(KubeError, match="cannot be written"):
        await kube.apply(function_manifest(memory="1Gi"), manager="user")
    assert await kube.get(GREET) == before
