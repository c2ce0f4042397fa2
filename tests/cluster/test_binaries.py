"""Programs that are built once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from cluster import binaries
from cluster.binaries import Recipe
from cluster.errors import CannotRun, ClusterError

if TYPE_CHECKING:
    from pathlib import Path

TOOL = Recipe("tool", "v1.2.3", "example.org/tool")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for Go that notes each call in a file and makes a program."""
    (tmp_path / "bin").mkdir()
    calls = tmp_path / "calls"
    _program(
        tmp_path / "bin" / "go",
        f'[ "$1" != env ] || {{ echo go1.26.8; exit; }}\necho "$@" >> {calls}; sleep 0.2; echo built > "$GOBIN/tool"',
    )
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    return calls


def _program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\nset -e\n{script}\n", "utf-8")
    path.chmod(0o755)


def _say(line: str) -> None:
    del line


def test_a_second_build_finds_the_first(go: Path) -> None:
    assert (binaries.build(TOOL, _say) / "tool").read_text("utf-8") == "built\n"
    binaries.build(TOOL, _say)
    assert len(go.read_text("utf-8").splitlines()) == 1


def test_two_builders_build_once(go: Path) -> None:
    builders = [threading.Thread(target=binaries.build, args=(TOOL, _say)) for _ in range(2)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert len(go.read_text("utf-8").splitlines()) == 1


def test_the_wanted_version_is_built_without_what_differs_between_machines(go: Path) -> None:
    binaries.build(TOOL, _say)
    assert go.read_text("utf-8").split() == [
        *("install", "-trimpath", "-buildvcs=false", "-ldflags", "-s", "-w"),
        "example.org/tool@v1.2.3",
    ]


@pytest.mark.usefixtures("go")
def test_a_build_that_fails_leaves_nothing_and_says_why(tmp_path: Path) -> None:
    _program(tmp_path / "bin" / "go", 'echo half > "$GOBIN/tool"; echo "no space left" >&2; exit 1')
    with pytest.raises(ClusterError, match=r"go could not build tool v1.2.3; it said:\nno space left"):
        binaries.build(TOOL, _say)
    assert [path for path in TOOL.folder.parent.rglob("*") if path.name == "tool"] == []


@pytest.mark.usefixtures("go")
def test_a_go_that_is_too_old_is_named_with_its_version(tmp_path: Path) -> None:
    _program(tmp_path / "bin" / "go", "echo go1.19.8")
    with pytest.raises(CannotRun, match=r"bin/go is go1.19.8; install Go 1.24 or newer"):
        binaries.build(TOOL, _say)


def test_what_is_not_built_names_the_next_command() -> None:
    with pytest.raises(CannotRun, match=r"tool v1.2.3 is not built yet: .*cluster build"):
        binaries.find(TOOL)


def test_another_version_or_linking_has_another_folder() -> None:
    others = (
        Recipe("tool", "v1.2.4", "example.org/tool"),
        Recipe("tool", "v1.2.3", "example.org/tool", ("-s",)),
    )
    assert len({recipe.folder for recipe in (TOOL, *others)}) == 3


def test_kubernetes_reports_the_version_that_it_is() -> None:
    link = " ".join(binaries.KUBERNETES.link)
    for module in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        assert f"-X {module}.gitVersion=v1.34.4 -X {module}.gitMajor=1 -X {module}.gitMinor=34" in link


def test_the_modules_are_those_of_the_version() -> None:
    modules = (binaries.SOURCES / "go.mod").read_text("utf-8")
    assert f"k8s.io/kubernetes {binaries.KUBERNETES.version}\n" in modules
    staged = [line.split() for line in modules.splitlines() if "=>" in line]
    assert {words[-1] for words in staged} == {binaries.KUBERNETES.version.replace("v1.", "v0.")}
