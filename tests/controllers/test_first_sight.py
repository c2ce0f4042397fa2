"""What whoever applies sees: kubectl wait, kstatus, GitOps."""

import asyncio
from contextlib import aclosing
from typing import Any, cast

from support.operators import Seen, condition, eventually, kstatus


async def history(seen: Seen, kind: str, name: str, until: str) -> list[dict[str, Any]]:
    """Every state of an object that a watch tells, to the one whose Ready has this reason."""
    states = []
    async with asyncio.timeout(20), aclosing(cast("Any", seen.kube.watch(kind))) as changes:
        async for change in changes:
            if change.key == seen.key(name, kind):
                states.append(change.object)
                if condition(change.object).get("reason") == until:
                    return states
    raise AssertionError("a watch has no end")


async def test_the_first_thing_that_is_said_is_that_nothing_is_decided(seen: Seen) -> None:
    for kind, manifest in {
        "Function": seen.function(name := seen.new()),
        "FunctionVersion": seen.version(3, name),
        "Alias": seen.alias("live", "3", name),
    }.items():
        watching = asyncio.create_task(history(seen, kind, manifest["metadata"]["name"], "Ready"))
        await seen.apply(manifest)
        states = await watching
        first = next(each for each in states if each.get("status"))
        assert condition(first)["status"] == "Unknown"
        assert condition(first)["reason"] == "Observed"
        assert condition(first, "Reconciling")["status"] == "True"
        # kstatus takes an object without any condition for one that is done, which none is after its first status.
        assert [kstatus(each) for each in states if each.get("status")][-1] == "Current"
        assert "Current" not in [kstatus(each) for each in states[:-1] if each.get("status")]


async def test_a_changed_spec_is_in_progress_until_it_was_seen(seen: Seen) -> None:
    name = seen.new()
    await seen.apply(seen.function(name))
    await seen.ready(name)
    changed = await seen.apply(seen.function(name, memory="256Mi"))
    assert kstatus(changed) == "InProgress"
    done = await seen.ready(name)
    assert kstatus(done) == "Current"
    assert all(each["observedGeneration"] == 2 for each in done["status"]["conditions"])


async def test_a_second_identical_apply_changes_nothing(seen: Seen) -> None:
    name = seen.new()
    manifest = seen.function(name, publish="Auto", publishAlias="live")
    await seen.apply(manifest)
    revision = (await seen.deployed(name))["metadata"]["name"]
    await seen.settled()
    (version,) = [
        each for each in await seen.kube.list("FunctionVersion") if each["spec"]["function"] == name
    ]
    (alias,) = [each for each in await seen.kube.list("Alias") if each["spec"]["function"] == name]
    objects = (
        ("Function", name),
        ("FunctionVersion", version["metadata"]["name"]),
        ("Alias", alias["metadata"]["name"]),
        ("ControllerRevision", revision),
        ("Deployment", revision),
    )
    before = await seen.versions_of(*objects)
    await seen.apply(manifest)
    await seen.settled()
    assert await seen.versions_of(*objects) == before


async def test_a_function_at_zero_is_ready_and_not_active(seen: Seen) -> None:
    name = seen.new()
    await seen.apply(seen.function(name))
    found = await seen.ready(name)
    assert condition(found)["status"] == "True"
    assert (condition(found, "Active")["status"], condition(found, "Active")["reason"]) == (
        "False",
        "ScaledToZero",
    )

    async def told() -> bool:
        return "Ready" in await seen.events(name)

    # An Event comes after the status that it speaks of.
    await eventually(told)
    assert (await seen.events(name)).count("Ready") == 1


async def test_kubectl_scale_moves_the_floor_and_needs_no_call_to_make_a_deployment(seen: Seen) -> None:
    name = seen.new()
    await seen.apply(seen.function(name))
    revision = (await seen.ready(name))["status"]["latestRevision"]
    await seen.merge(name, {"spec": {"replicas": 2}}, sub="scale")
    assert (await seen.get(name))["spec"]["scaling"]["min"] == 2
    deployment = await seen.until(revision, bool, "Deployment")
    assert deployment["spec"]["replicas"] == 0


async def test_a_status_that_somebody_wrote_is_put_right_once(seen: Seen) -> None:
    name = seen.new()
    await seen.apply(seen.function(name))
    await seen.ready(name)
    wrong = {
        "type": "Ready", "status": "False", "reason": "Mine", "lastTransitionTime": "2199-01-01T00:00:00Z",
    }  # fmt: skip
    spoilt = {"status": {"instances": 99, "conditions": [wrong], "observedGeneration": 7}}
    await seen.merge(name, spoilt, sub="status")
    mended = await seen.ready(name)
    assert mended["status"]["instances"] == 0
    assert all(each["lastTransitionTime"] < "2199" for each in mended["status"]["conditions"])
    await seen.settled()
    assert (await seen.get(name))["metadata"]["resourceVersion"] == mended["metadata"]["resourceVersion"]


async def test_labels_and_annotations_of_a_user_are_left_alone(seen: Seen) -> None:
    name = seen.new()
    manifest = seen.function(name)
    manifest["metadata"] |= {"labels": {"team": "shop"}, "annotations": {"note": "mine"}}
    await seen.apply(manifest)
    await seen.deployed(name)
    found = await seen.raw(name)
    assert found["metadata"]["labels"] == {"team": "shop"}
    assert found["metadata"]["annotations"] == {"note": "mine"}
    assert "finalizers" not in found["metadata"]
    by = {(each["manager"], each.get("subresource", "")) for each in found["metadata"]["managedFields"]}
    assert by == {("user", ""), ("funclet", "status"), ("funclet-gateway", "status")}
