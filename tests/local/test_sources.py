"""Manifests in files against a store in memory; what is told is a text."""

import asyncio
import io
from dataclasses import dataclass
from pathlib import Path

import pytest

from funclet.local import sources as module
from funclet.local.console import Console
from funclet.local.kube.store import LocalKube
from funclet.local.sources import ManifestSources
from funclet.store.blobs import DirectoryBlobs
from support.local import function


@dataclass
class Run:
    """One run over a folder."""

    folder: Path
    kube: LocalKube
    blobs: DirectoryBlobs
    out: io.StringIO
    sources: ManifestSources

    async def names(self) -> list[str]:
        return [each["metadata"]["name"] for each in await self.kube.list("Function")]

    def told(self) -> list[str]:
        """What was told since this was asked last."""
        text = self.out.getvalue()
        self.out.seek(0)
        self.out.truncate()
        return text.splitlines()

    def anew(self, *paths: Path) -> "Run":
        """Another run with the same state."""
        return run(self.folder, self.kube, self.blobs, *paths)


def run(folder: Path, kube: LocalKube, blobs: DirectoryBlobs, *paths: Path) -> Run:
    out = io.StringIO()
    named = tuple(map(str, paths or (folder,)))
    return Run(folder, kube, blobs, out, ManifestSources(named, kube=kube, blobs=blobs, console=Console(out)))


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    folder = tmp_path / "manifests"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return run(folder, LocalKube(), DirectoryBlobs(tmp_path / "blobs"))


NO_OBJECT = "---\n- a list\n"


async def test_a_document_that_is_no_object_hurts_no_other(local: Run) -> None:
    (local.folder / "f.yaml").write_text(function("a") + NO_OBJECT + "---\n" + function("b"))
    await local.sources.start()
    assert await local.names() == ["a", "b"]
    assert local.told()[-1] == "f.yaml:3: document 2: a manifest is an object with apiVersion and kind"


async def test_a_document_that_is_no_object_any_more_removes_nothing_until_that_is_mended(local: Run) -> None:
    file = local.folder / "f.yaml"
    file.write_text(function("a") + "---\n" + function("b"))
    await local.sources.start()
    file.write_text(function("a") + NO_OBJECT)
    await local.sources.refresh()
    assert await local.names() == ["a", "b"]
    file.write_text(function("a"))
    await local.sources.refresh()
    assert await local.names() == ["a"]
    assert local.told()[-1] == "Function b removed: f.yaml no longer describes it"


async def test_a_half_written_file_is_held_back_and_says_so(local: Run) -> None:
    file = local.folder / "f.yaml"
    file.write_text(function("a"))
    await local.sources.start()
    local.told()
    file.write_text(function("b") + "---\nkind: [\n")
    await local.sources.refresh()
    assert await local.names() == ["a"]
    (told,) = local.told()
    assert told.startswith("f.yaml:3: ")
    assert told.endswith("; the rest of f.yaml waits until this is mended")


async def test_a_half_written_file_removes_nothing_that_an_earlier_run_made(local: Run) -> None:
    file = local.folder / "f.yaml"
    file.write_text(function("a"))
    await local.sources.start()
    file.write_text("kind: [\n")
    again = local.anew()
    await again.sources.start()
    assert await again.names() == ["a"]


async def test_a_problem_is_told_once_however_often_others_are_edited(local: Run) -> None:
    for name, text in (("torn", "kind: [\n"), ("wrong", function("x", spec={"memory": "1Mi"}))):
        (local.folder / f"{name}.yaml").write_text(text)
    (local.folder / "unreadable.yaml").write_bytes(b"\xff")
    await local.sources.start()
    assert len(local.told()) == 3
    for number in range(3):
        (local.folder / "good.yaml").write_text(function(f"g{number}"))
        await local.sources.refresh()
    assert not [line for line in local.told() if not line.startswith("Function g")]


async def test_a_problem_that_only_moved_is_not_told_again(local: Run) -> None:
    wrong = function("x", spec={"memory": "1Mi"})
    (local.folder / "f.yaml").write_text(wrong)
    await local.sources.start()
    assert len(local.told()) == 1
    (local.folder / "f.yaml").write_text(f"# a line more\n{wrong}")
    await local.sources.refresh()
    assert local.told() == []


async def test_an_emptied_file_removes_its_functions(local: Run) -> None:
    (local.folder / "f.yaml").write_text(function("a"))
    await local.sources.start()
    (local.folder / "f.yaml").write_text("")
    await local.sources.refresh()
    assert await local.names() == []


async def test_a_file_that_is_removed_and_made_again_makes_its_functions_again(local: Run) -> None:
    text = function("a")
    (local.folder / "f.yaml").write_text(text)
    await local.sources.start()
    (first,) = await local.kube.list("Function")
    (local.folder / "f.yaml").unlink()
    await local.sources.refresh()
    assert await local.names() == []
    (local.folder / "f.yaml").write_text(text)
    await local.sources.refresh()
    (second,) = await local.kube.list("Function")
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    assert [line.partition(" (")[0] for line in local.told()] == [
        "Function a created",
        "Function a removed: f.yaml no longer describes it",
        "Function a created",
    ]


async def test_a_file_that_is_gone_twice_for_a_moment_removes_nothing(
    local: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = local.folder / "f.yaml"
    text = function("a")
    file.write_text(text)
    await local.sources.start()
    slept = asyncio.sleep
    steps = iter([text, None, None, None])

    async def save(seconds: float) -> None:
        """Somebody saves in between: the file comes back, and is gone again at the later looks."""
        await slept(0)
        if seconds == module._GONE_STEP_SECONDS:
            content = next(steps)
            file.unlink(missing_ok=True)
            if content is not None:
                file.write_text(content)

    file.unlink()
    monkeypatch.setattr(asyncio, "sleep", save)
    await local.sources.refresh()
    assert await local.names() == ["a"]


async def test_what_goes_with_a_function_is_told_in_its_line(local: Run) -> None:
    alias = (
        "apiVersion: funclet.dev/v1alpha1\nkind: Alias\nmetadata: {name: a-live}\n"
        "spec: {function: a, name: live, version: '1'}\n"
    )
    (local.folder / "f.yaml").write_text(function("a") + "---\n" + alias)
    await local.sources.start()
    local.told()
    (local.folder / "f.yaml").unlink()
    await local.sources.refresh()
    assert local.told() == ["Function a removed: f.yaml no longer describes it, with Alias a-live"]
    assert await local.kube.list("Alias") == []


async def test_functions_of_an_earlier_run_that_no_path_describes_are_told(local: Run) -> None:
    for name in ("a", "b"):
        (local.folder / f"{name}.yaml").write_text(function(name))
    await local.sources.start()
    again = local.anew(local.folder / "a.yaml")
    await again.sources.start()
    assert again.told() == [
        (
            "Function b is of an earlier run: b.yaml is not among the paths. It is served all the same;"
            " `funclet delete fn b` removes it."
        )
    ]
    assert await again.names() == ["a", "b"]


async def test_the_target_of_a_link_is_watched_too(local: Run, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.yaml"
    target.write_text(function("a"))
    (local.folder / "f.yaml").symlink_to(target)
    await local.sources.start()
    assert local.sources.further_paths == {target}


async def test_a_disk_that_takes_no_code_is_a_problem_of_that_object(
    local: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (local.folder / "src").mkdir()
    (local.folder / "src" / "app.py").write_text("")
    (local.folder / "f.yaml").write_text(
        function("a", spec={"code": {"zip": {"path": "src"}}}) + "---\n" + function("b")
    )

    def put(_content: bytes) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(local.blobs, "put", put)
    await local.sources.start()
    assert await local.names() == ["b"]
    assert (
        "Function a: the object: the state folder cannot be written: No space left on device"
        in local.told()[-1]
    )
