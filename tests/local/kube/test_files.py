"""What a power cut, a full disk or a curious editor leaves behind."""

import json
from pathlib import Path
from typing import Any

import pytest

from funclet.kube.port import NotFoundError
from funclet.local.kube.store import LocalKube
from funclet.plan.plan import Key
from support.objects import function_manifest, version_manifest

GREET = Key("Function", "default", "greet")


async def filled(root: Path) -> dict[str, Any]:
    kube = LocalKube(root)
    await kube.apply(function_manifest(), manager="user")
    await kube.apply(version_manifest(1), manager="user")
    return await kube.patch_status(GREET, {"lastVersion": 7}, manager="funclet")


def files(root: Path, pattern: str) -> list[Path]:
    return sorted(root.rglob(pattern))


def file_of(root: Path) -> Path:
    return root / "Function" / "default" / "greet.json"


async def test_everything_is_there_again_after_a_restart(tmp_path: Path) -> None:
    before = await filled(tmp_path)
    kube = LocalKube(tmp_path)
    assert await kube.get(GREET) == before
    assert [each["spec"]["version"] for each in await kube.list("FunctionVersion")] == ["1"]
    later = await kube.apply(function_manifest(memory="1Gi"), manager="user")
    assert int(later["metadata"]["resourceVersion"]) > int(before["metadata"]["resourceVersion"])


async def test_who_applied_what_is_remembered_over_a_restart(tmp_path: Path) -> None:
    kube = LocalKube(tmp_path)
    await kube.apply(function_manifest(memory="1Gi"), manager="user")
    found = await LocalKube(tmp_path).apply(function_manifest(), manager="user")
    assert "memory" not in found["spec"]


async def test_a_write_that_was_cut_off_leaves_the_old_object(tmp_path: Path) -> None:
    before = await filled(tmp_path)
    whole = file_of(tmp_path).read_bytes()
    for length in range(0, len(whole), 97):
        file_of(tmp_path).with_name("greet.json.partial").write_bytes(whole[:length])
        kube = LocalKube(tmp_path)
        assert kube.problems == ()
        assert await kube.get(GREET) == before
    assert files(tmp_path, "*.partial") == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"object": {}, "owners": {}}',
        b'{"object": {"kind": "Function", "metadata": {"name": "another"}}, "owners": {}}',
        b'{"object": {"kind": "Function", "metadata": {"name": "greet"}}, "owners": {}}',
    ],
    ids=["empty", "truncated", "null", "a list", "no text", "no object", "another object", "never stored"],
)
async def test_a_damaged_file_is_told_and_set_aside_never_dropped(tmp_path: Path, content: bytes) -> None:
    await filled(tmp_path)
    file_of(tmp_path).write_bytes(content)
    kube = LocalKube(tmp_path)
    (problem,) = kube.problems
    assert str(file_of(tmp_path)) in problem
    with pytest.raises(NotFoundError):
        await kube.get(GREET)
    assert file_of(tmp_path).with_name("greet.json.corrupt").read_bytes() == content
    assert len(await kube.list("FunctionVersion")) == 1
    assert LocalKube(tmp_path).problems == ()


async def test_a_second_damaged_file_does_not_replace_the_first(tmp_path: Path) -> None:
    for content in (b"one", b"two"):
        await filled(tmp_path)
        file_of(tmp_path).write_bytes(content)
        LocalKube(tmp_path)
    aside = sorted(file_of(tmp_path).parent.glob("*.corrupt"))
    assert {path.read_bytes() for path in aside} == {b"one", b"two"}


async def test_a_deletion_that_was_cut_off_is_finished(tmp_path: Path) -> None:
    kube = LocalKube(tmp_path)
    uid = (await kube.apply(function_manifest(), manager="user"))["metadata"]["uid"]
    child = version_manifest(1)
    child["metadata"]["ownerReferences"] = [
        {"apiVersion": "funclet.dev/v1alpha1", "kind": "Function", "name": "greet", "uid": uid}
    ]
    await kube.apply(child, manager="funclet")
    file_of(tmp_path).unlink()
    assert await LocalKube(tmp_path).list("FunctionVersion") == []
    assert files(tmp_path, "*.json") == []


async def test_the_longest_name_fits_on_the_disk(tmp_path: Path) -> None:
    name = ".".join(["a" * 49] * 5)
    made = await LocalKube(tmp_path).apply(function_manifest(name, functionName="long"), manager="user")
    assert await LocalKube(tmp_path).get(Key("Function", "default", name)) == made


async def test_a_file_shows_the_object_to_a_reader(tmp_path: Path) -> None:
    before = await filled(tmp_path)
    assert json.loads(file_of(tmp_path).read_text())["object"] == before
