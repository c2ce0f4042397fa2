"""The loop over the local store: what comes out, and that no failure of any verb changes it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from funclet.local.kube.store import LocalKube
from funclet.plan import reasons
from funclet.plan.archive import zip_of
from funclet.plan.observed import RevisionState
from funclet.plan.plan import Key
from funclet.plan.revision import Revision
from funclet.plan.routes import FunctionRoute, Unavailable
from funclet.reconcile.loop import Reconciler
from funclet.store.blobs import DirectoryBlobs
from support.kubes import FlakyKube, until
from support.loops import GREET, Instances, ready, running, settled
from support.objects import alias_manifest, function_manifest, version_manifest

INLINE = hashlib.sha256(zip_of({"app.py": "x"})).hexdigest()


async def outcome(kube: LocalKube) -> list[Any]:
    """All that matters of the store: specs and statuses without times and uids."""
    found = []
    for kind in ("Function", "FunctionVersion", "Alias"):
        for each in await kube.list(kind):
            status = {name: value for name, value in each["status"].items() if name != "conditions"}
            said = [(c["type"], c["status"], c["reason"], c["message"]) for c in each["status"]["conditions"]]
            found.append((each["metadata"]["name"], each["spec"], status, said))
    return found


def manifest(**spec: Any) -> dict[str, Any]:
    return function_manifest(publish="Auto", publishAlias="live", keepVersions=1, **spec)


async def scenario(kube: LocalKube, reconciler: Reconciler) -> list[Any]:
    """Three versions, one of which is pruned, and an alias that follows."""
    for memory in ("128Mi", "256Mi", "512Mi"):
        await kube.apply(manifest(memory=memory), manager="user")
        generation = (await kube.get(GREET))["metadata"]["generation"]
        await published(kube, reconciler, generation)
    await settled(kube, reconciler, GREET)
    await until(lambda: len(kube.table.keys(("FunctionVersion",))) == 2)
    await settled(kube, reconciler, *kube.table.keys(("FunctionVersion", "Alias")))
    return await outcome(kube)


async def published(kube: LocalKube, reconciler: Reconciler, generation: int) -> None:
    await until(lambda: reconciler.idle and observed(kube) == generation)


def observed(kube: LocalKube) -> int | None:
    status = kube.table.live(GREET).object.get("status", {})
    publication = status.get("publication") or {}
    if publication.get("version") != str(status.get("lastVersion")):
        return None
    found: int | None = status.get("observedGeneration")
    return found


async def test_a_function_becomes_versions_an_alias_and_a_route(tmp_path: Path) -> None:
    kube = LocalKube()
    async with running(kube, tmp_path) as reconciler:
        await scenario(kube, reconciler)
        table = reconciler.routes["default", "greet"]
    assert set(table.versions) == {"$LATEST", "2", "3"}
    assert all(isinstance(each, Revision) for each in table.versions.values())
    assert table.aliases["live"].version == "3"


VERBS = ["apply FunctionVersion", "apply Alias", "patch_status Function", "patch_status FunctionVersion",
         "patch_status Alias", "delete FunctionVersion", "record", "watch", "watch half-way"]  # fmt: skip


@pytest.mark.parametrize("after", [False, True], ids=["before it is done", "after it is done"])
@pytest.mark.parametrize("verb", VERBS)
async def test_a_verb_that_fails_changes_nothing_in_the_end(
    tmp_path: Path, verb: str, *, after: bool
) -> None:
    sound = LocalKube()
    async with running(sound, tmp_path / "sound") as reconciler:
        expected = await scenario(sound, reconciler)
    inner = LocalKube()
    flaky = FlakyKube(inner, verb, failures=3, after=after)
    async with running(flaky, tmp_path / "flaky") as reconciler:
        got = await scenario(inner, reconciler)
    assert flaky.failures < 3
    numbers = [(name.rpartition("-")[0], spec.get("memory")) for name, spec, _, _ in got]
    assert [memory for _, memory in numbers] == [spec.get("memory") for _, spec, _, _ in expected]
    for (_, spec, status, said), (_, spec_, status_, said_) in zip(got, expected, strict=True):
        # A number that was remembered and then not used is a gap, and gaps are fine.
        assert without_numbers(spec) == without_numbers(spec_)
        assert set(status) == set(status_)
        assert [each[:3] for each in said] == [each[:3] for each in said_]


def without_numbers(spec: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if name != "version"}


async def test_one_object_that_always_fails_delays_no_other(tmp_path: Path) -> None:
    inner = LocalKube()
    told: list[tuple[Key, str]] = []
    flaky = FlakyKube(inner, "apply FunctionVersion", failures=10**9)
    async with running(
        flaky, tmp_path, Anything(), on_error=lambda key, error, _: told.append((key, str(error)))
    ):
        await inner.apply(manifest(), manager="user")
        await inner.apply(function_manifest("other"), manager="user")
        await until(
            lambda: ready(inner, Key("Function", "default", "other")) == reasons.READY and len(told) > 3
        )
        assert {key for key, _ in told} == {GREET}
    failures = [each.event for each in inner.events(GREET) if each.event.reason == reasons.WRITE_REFUSED]
    assert len(failures) == 1


class Anything(Instances):
    def revisions(self, namespace: str, function: str) -> Mapping[str, RevisionState]:  # noqa: ARG002 - the port's
        return {}


async def test_a_store_at_rest_is_not_written_again(tmp_path: Path) -> None:
    kube = LocalKube()
    async with running(kube, tmp_path) as reconciler:
        await scenario(kube, reconciler)
    flaky = FlakyKube(kube, "nothing")
    async with running(flaky, tmp_path) as reconciler:
        await until(lambda: reconciler.idle and bool(reconciler.routes))
        for key in kube.table.keys(("Function", "FunctionVersion", "Alias")):
            reconciler.poke(key)
        await until(lambda: reconciler.idle)
    assert flaky.calls == ["watch"]


async def test_versions_alias_and_counter_survive_a_restart(tmp_path: Path) -> None:
    kube = LocalKube(tmp_path / "objects")
    async with running(kube, tmp_path) as reconciler:
        before = await scenario(kube, reconciler)
    again = LocalKube(tmp_path / "objects")
    async with running(again, tmp_path) as reconciler:
        await until(lambda: reconciler.idle and ("default", "greet") in reconciler.routes)
        assert await outcome(again) == before
        await again.apply(manifest(memory="1Gi"), manager="user")
        await until(lambda: "4" in reconciler.routes["default", "greet"].versions)


async def test_an_alias_without_its_version_says_so_until_the_version_comes(tmp_path: Path) -> None:
    kube = LocalKube()
    live = Key("Alias", "default", "greet-live")
    async with running(kube, tmp_path) as reconciler:
        await kube.apply(alias_manifest("live", "2"), manager="user")
        await until(lambda: ready(kube, live) == reasons.FUNCTION_NOT_FOUND)
        await kube.apply(function_manifest(), manager="user")
        await until(lambda: ready(kube, live) == reasons.VERSION_NOT_FOUND)
        await kube.apply(version_manifest(2, codeSha256=INLINE), manager="user")
        await until(lambda: ready(kube, live) == reasons.READY)
        (version,) = await kube.list("FunctionVersion")
        await kube.delete(Key("FunctionVersion", "default", version["metadata"]["name"]))
        await until(lambda: ready(kube, live) == reasons.VERSION_NOT_FOUND)
        assert "2" not in reconciler.routes["default", "greet"].versions


async def test_a_deleted_function_takes_its_children_and_its_route_along(tmp_path: Path) -> None:
    kube = LocalKube()
    routes: list[FunctionRoute | None] = []
    async with running(kube, tmp_path, on_route=lambda _, route: routes.append(route)) as reconciler:
        await scenario(kube, reconciler)
        await kube.delete(GREET)
        await until(lambda: reconciler.idle and not reconciler.routes)
        assert await outcome(kube) == []
    assert routes[-1] is None


async def test_a_version_applied_by_hand_goes_with_its_function(tmp_path: Path) -> None:
    kube = LocalKube()
    blobs = DirectoryBlobs(tmp_path / "blobs")
    async with running(kube, tmp_path) as reconciler:
        sha256 = blobs.put(b"an archive")
        code = {"zip": {"blob": sha256, "sha256": sha256}}
        await kube.apply(function_manifest(code=code), manager="user")
        by_hand = version_manifest(5, code=code, codeSha256=sha256)
        await kube.apply(by_hand, manager="user")
        await settled(kube, reconciler, Key("FunctionVersion", "default", "greet-by-hand-5"), GREET)
        assert kube.table.live(GREET).object["status"]["lastVersion"] == 5
        await kube.delete(GREET)
        await until(lambda: not kube.table.keys(("FunctionVersion",)))


async def test_what_a_user_did_to_a_child_is_healed(tmp_path: Path) -> None:
    kube = LocalKube()
    async with running(kube, tmp_path) as reconciler:
        await scenario(kube, reconciler)
        (key,) = kube.table.keys(("Alias",))
        edited = {**(await kube.get(key)), "spec": {"function": "greet", "name": "live", "version": "2"}}
        edited["metadata"] = {"name": key.name, "namespace": key.namespace}
        await kube.apply(edited, manager="user")
        await until(lambda: kube.table.live(key).object["spec"]["version"] == "3")
        await kube.delete(key)
        await until(lambda: kube.table.get(key) is not None and ready(kube, key) == reasons.READY)


async def test_a_users_object_with_the_name_of_a_child_is_never_adopted(tmp_path: Path) -> None:
    kube = LocalKube()
    errors: list[str] = []
    async with running(kube, tmp_path, on_error=lambda _, error, __: errors.append(str(error))) as reconciler:
        await kube.apply(function_manifest(publish="Auto", publishAlias="live"), manager="user")
        await settled(kube, reconciler, GREET)
        (made,) = await kube.list("Alias")
        name = made["metadata"]["name"]
        await kube.apply(function_manifest(), manager="user")
        await until(lambda: reconciler.idle)
        await kube.delete(Key("Alias", "default", name))
        foreign = alias_manifest("other", "1")
        foreign["metadata"]["name"] = name
        await kube.apply(foreign, manager="user")
        await kube.apply(function_manifest(publish="Auto", publishAlias="live"), manager="user")
        await until(lambda: any("not Funclet's" in error for error in errors))
        assert (await kube.list("Alias"))[0]["spec"]["name"] == "other"


async def test_a_spoilt_status_is_put_right_without_a_loop(tmp_path: Path) -> None:
    kube = LocalKube()
    async with running(kube, tmp_path) as reconciler:
        await kube.apply(function_manifest(), manager="user")
        await settled(kube, reconciler, GREET)
        right = kube.table.live(GREET).object["status"]
        spoilt = {**right, "instances": 99, "conditions": [
            {**each, "status": "Unknown", "lastTransitionTime": "2199-01-01T00:00:00Z"} for each in right["conditions"]
        ]}  # fmt: skip
        await kube.patch_status(GREET, spoilt, manager="user")
        await settled(kube, reconciler, GREET)
        mended = kube.table.live(GREET).object
        assert mended["status"]["instances"] == 0
        assert all(each["lastTransitionTime"] < "2199" for each in mended["status"]["conditions"])
        reconciler.poke(GREET)
        await until(lambda: reconciler.idle)
        assert (
            kube.table.live(GREET).object["metadata"]["resourceVersion"]
            == mended["metadata"]["resourceVersion"]
        )


async def test_instances_and_a_failed_start_reach_the_status_when_poked(tmp_path: Path) -> None:
    kube = LocalKube()
    instances = Instances()
    async with running(kube, tmp_path, instances) as reconciler:
        await kube.apply(function_manifest(publish="Auto"), manager="user")
        await settled(kube, reconciler, GREET)
        revision = reconciler.routes["default", "greet"].versions["1"]
        assert isinstance(revision, Revision)
        instances.states = {revision.key: RevisionState(2, 1, Unavailable("InitFailed", "boom"))}
        reconciler.poke_revision(revision)
        (key,) = kube.table.keys(("FunctionVersion",))
        await until(lambda: ready(kube, key) == "InitFailed" and reconciler.idle)
        assert kube.table.live(GREET).object["status"]["instances"] == 2
        assert kube.table.live(key).object["status"]["instances"] == 2


async def test_a_thousand_changes_of_one_object_end_with_the_last(tmp_path: Path) -> None:
    kube = LocalKube()
    flaky = FlakyKube(kube, "nothing")
    async with running(flaky, tmp_path) as reconciler:
        for number in range(1000):
            await kube.apply(function_manifest(environment={"N": str(number)}), manager="user")
        generation = kube.table.live(GREET).object["metadata"]["generation"]
        await until(
            lambda: (
                reconciler.idle
                and kube.table.live(GREET).object["status"].get("observedGeneration") == generation
            )
        )
    assert generation == 1000
    assert flaky.calls.count("patch_status Function") < 1000
