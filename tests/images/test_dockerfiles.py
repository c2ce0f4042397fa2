"""Every image begins with a base that can be changed, is built without a network, and runs without rights."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DOCKERFILES = [
    REPOSITORY / "operator/Dockerfile",
    *sorted((REPOSITORY / "runtime-images").glob("*/Dockerfile")),
]
each = pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)


def lines(path: Path) -> list[list[str]]:
    text = path.read_text().replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line and not line.startswith("#")]


@each
def test_the_base_can_be_changed(path: Path) -> None:
    first = lines(path)[0]
    assert first[0] == "ARG"
    assert first[1].startswith("BASE=docker.io/library/")


@each
def test_it_runs_as_a_user_without_rights_and_is_started_by_one_program(path: Path) -> None:
    words = {line[0]: line[1:] for line in lines(path)}
    assert words["USER"] == ["65532:65532"]
    assert len(words["ENTRYPOINT"]) == 1


@each
def test_nothing_is_downloaded_in_the_build(path: Path) -> None:
    steps = " ".join(" ".join(line) for line in lines(path) if line[0] in {"RUN", "ADD"})
    assert not {"apt", "apt-get", "apk", "curl", "wget", "pip", "npm"} & set(steps.split())
    assert "http" not in steps


@each
def test_what_is_copied_is_in_the_context(path: Path) -> None:
    allowed = [
        line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")
    ]
    for line in lines(path):
        if line[0] == "COPY" and not line[1].startswith("--from"):
            for source in line[1:-1]:
                assert any(source.startswith(folder) for folder in allowed)
                staged = source.startswith("build/images/")
                assert staged or list(REPOSITORY.glob(source))


def test_the_builder_knows_every_dockerfile() -> None:
    build = REPOSITORY / "runtime-images" / "build.py"
    script = (
        "import runpy, sys; sys.path.insert(0, sys.argv[1].rpartition('/')[0]); "
        "print(*(image.dockerfile for image in runpy.run_path(sys.argv[1])['IMAGES'].values()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(build)], capture_output=True, text=True, check=True
    )
    assert sorted(done.stdout.split()) == sorted(str(path.relative_to(REPOSITORY)) for path in DOCKERFILES)
