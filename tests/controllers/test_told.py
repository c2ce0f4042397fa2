"""What the API server takes and no cluster can do: the status says so, and nobody else is disturbed."""

from typing import Any

import pytest

from support.operators import Seen, condition

DIGEST = "@sha256:" + "a" * 64
FAR = "https://example.com/a.zip"


@pytest.mark.parametrize(
    ("spec", "reason", "words"),
    [
        ({"runtime": "java21"}, "RuntimeNotAvailable", "available: "),
        ({"code": {"zip": {"path": "a.zip"}}}, "NotSupported", "by url or s3"),
        ({"code": {"zip": {"blob": "b", "sha256": "a" * 64}}}, "NotSupported", "by url or s3"),
        ({"code": {"image": {"ref": "app", "command": ["x"]}}}, "NotSupported", "has no digest"),
        ({"code": {"image": {"ref": "app:1.2", "command": ["x"]}}}, "NotSupported", "has no digest"),
        ({"concurrency": {"perInstance": 2}}, "NotSupported", "perInstance"),
        ({"url": {"authType": "NONE"}}, "NotSupported", "spec.url"),
        ({"async": {"onFailure": {"destination": "itself"}}}, "NotSupported", "spec.async"),
    ],
    ids=str,
)
async def test_what_a_cluster_cannot_do_is_told_with_its_field(
    seen: Seen, spec: dict[str, Any], reason: str, words: str
) -> None:
    name = seen.new()
    without = {"runtime": None, "handler": None} if "image" in spec.get("code", {}) else {}
    manifest = seen.function(name, **{**spec, **without})
    manifest["spec"] = {field: value for field, value in manifest["spec"].items() if value is not None}
    await seen.apply(manifest)
    told = await seen.said(name, reason)
    assert words in condition(told)["message"]
    assert condition(told, "Stalled")["status"] == "True"
    assert reason in await seen.events(name)


async def test_an_image_that_is_wanted_without_a_command_says_what_is_missing(seen: Seen) -> None:
    name = seen.new()
    manifest = seen.function(name, code={"image": {"ref": f"app{DIGEST}"}})
    del manifest["spec"]["runtime"], manifest["spec"]["handler"]
    await seen.apply(manifest)
    revision = (await seen.ready(name))["status"]["latestRevision"]
    await seen.want(name, revision)
    assert "spec.code.image.command" in condition(await seen.said(name, "ImageCommandMissing"))["message"]


async def test_code_from_elsewhere_is_named_and_never_fetched_by_the_operator(seen: Seen) -> None:
    name = seen.new()
    await seen.apply(seen.function(name, code={"zip": {"url": FAR, "sha256": "b" * 64}}))
    assert (await seen.ready(name))["status"]["codeSha256"] == "b" * 64


async def test_of_many_changes_the_last_one_holds_and_few_are_looked_at(seen: Seen) -> None:
    name = seen.new()
    await seen.apply(seen.function(name))
    await seen.ready(name)
    for number in range(100):
        await seen.merge(name, {"spec": {"environment": {"N": str(number)}}})
    done = await seen.ready(name)
    assert done["metadata"]["generation"] == 101
    assert done["spec"]["environment"] == {"N": "99"}
    assert (await seen.events(name)).count("Ready") == 1


async def test_a_version_by_hand_that_is_not_above_the_last_is_refused_in_its_status(seen: Seen) -> None:
    name = seen.new()
    await seen.apply(seen.function(name))
    await seen.ready(name)
    await seen.apply(seen.version(5, name))
    await seen.ready(f"{name}-by-hand-5", "FunctionVersion")
    await seen.until(name, lambda found: found["status"]["lastVersion"] == 5)
    await seen.apply(seen.version(4, name))
    told = await seen.said(f"{name}-by-hand-4", "VersionNumberUsed", "FunctionVersion")
    assert "the next free one is 6" in condition(told)["message"]
    assert "functionArn" not in told["status"]
